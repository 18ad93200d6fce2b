"""Validate the foreign key of profiles to locales.

Revision: 6b1f8d4e02a5
Revises: a25d70f3e9c1
Date: 2026-11-11 09:20:00+00:00

Purpose: check the rows that were there before the constraint.
Phase: contract
Locks: SHARE UPDATE EXCLUSIVE on profiles and ROW SHARE on locales during the scan; reads and writes go on.
Downgrade loses data: no.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "6b1f8d4e02a5"
down_revision: str | Sequence[str] | None = "a25d70f3e9c1"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Check all rows."""
    op.execute("ALTER TABLE profiles VALIDATE CONSTRAINT fk_profiles_locale_locales")


def downgrade() -> None:
    """Make the constraint anew: Postgres has no way back from valid to not validated."""
    op.drop_constraint(op.f("fk_profiles_locale_locales"), "profiles", type_="foreignkey")
    op.create_foreign_key(
        op.f("fk_profiles_locale_locales"),
        "profiles",
        "locales",
        ["locale"],
        ["code"],
        ondelete="RESTRICT",
        postgresql_not_valid=True,
    )
