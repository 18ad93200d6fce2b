"""Foreign key of profiles to locales, not validated yet.

Revision: a25d70f3e9c1
Revises: 3c9e64b8a17d
Date: 2026-11-11 09:10:00+00:00

Purpose: new and changed rows are checked from here on; the rows that are there in the next revision.
Phase: expand
Locks: SHARE ROW EXCLUSIVE on profiles and locales for an instant: writes wait, reads go on.
Downgrade loses data: no.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "a25d70f3e9c1"
down_revision: str | Sequence[str] | None = "3c9e64b8a17d"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the constraint without reading the table."""
    op.create_foreign_key(
        op.f("fk_profiles_locale_locales"),
        "profiles",
        "locales",
        ["locale"],
        ["code"],
        ondelete="RESTRICT",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    """Drop the constraint."""
    op.drop_constraint(op.f("fk_profiles_locale_locales"), "profiles", type_="foreignkey")
