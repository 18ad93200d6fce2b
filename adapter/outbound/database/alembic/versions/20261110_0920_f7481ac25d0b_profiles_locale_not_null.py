"""Profiles get a locale: contract.

Revision: f7481ac25d0b
Revises: 90d5b3c6f1e7
Date: 2026-11-10 09:20:00+00:00

Purpose: last of three: NOT NULL, with the scan for nulls under a lock that stops nobody.
Phase: contract
Locks: ACCESS EXCLUSIVE on profiles three times for an instant; SHARE UPDATE EXCLUSIVE during the scan (VALIDATE).
    Each statement commits by itself, so that no lock is held during the scan but that one.
Downgrade loses data: no.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "f7481ac25d0b"
down_revision: str | Sequence[str] | None = "90d5b3c6f1e7"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


CHECK = "ck_profiles_locale_not_null"


def upgrade() -> None:
    """Prove that there are no nulls, then forbid them: SET NOT NULL skips its scan where a valid CHECK says so."""
    with op.get_context().autocommit_block():
        # Left behind by an interrupted run.
        op.execute(f"ALTER TABLE profiles DROP CONSTRAINT IF EXISTS {CHECK}")
        op.execute(f"ALTER TABLE profiles ADD CONSTRAINT {CHECK} CHECK (locale IS NOT NULL) NOT VALID")
        op.execute(f"ALTER TABLE profiles VALIDATE CONSTRAINT {CHECK}")
        op.alter_column("profiles", "locale", nullable=False)
        op.execute(f"ALTER TABLE profiles DROP CONSTRAINT {CHECK}")


def downgrade() -> None:
    """Allow nulls again."""
    op.execute(f"ALTER TABLE profiles DROP CONSTRAINT IF EXISTS {CHECK}")
    op.alter_column("profiles", "locale", nullable=True)
