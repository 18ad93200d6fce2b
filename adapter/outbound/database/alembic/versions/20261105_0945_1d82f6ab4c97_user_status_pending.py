"""A user can be pending.

Revision: 1d82f6ab4c97
Revises: c37b9f20e581
Date: 2026-11-05 09:45:00+00:00

Purpose: users who registered and have not confirmed their address.
Phase: expand
Locks: none on tables. The new value can be used from the next transaction on, hence the next revision.
Downgrade loses data: yes: PENDING users become INACTIVE. It rewrites users under ACCESS EXCLUSIVE, as Postgres
    cannot drop an enum value.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "1d82f6ab4c97"
down_revision: str | Sequence[str] | None = "c37b9f20e581"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the value."""
    op.execute("ALTER TYPE userstatus ADD VALUE IF NOT EXISTS 'PENDING'")


def downgrade() -> None:
    """Make the type anew without the value."""
    op.execute("ALTER TABLE users ALTER COLUMN status DROP DEFAULT")
    op.execute("ALTER TYPE userstatus RENAME TO userstatus_with_pending")
    op.execute("CREATE TYPE userstatus AS ENUM ('ACTIVE', 'INACTIVE')")
    # Who has not confirmed may not act; INACTIVE says the same to the code before.
    op.execute(
        """
        ALTER TABLE users ALTER COLUMN status TYPE userstatus
        USING (CASE status::text WHEN 'PENDING' THEN 'INACTIVE' ELSE status::text END)::userstatus
        """
    )
    op.execute("ALTER TABLE users ALTER COLUMN status SET DEFAULT 'ACTIVE'")
    op.execute("DROP TYPE userstatus_with_pending")
