"""Index on the locale of profiles.

Revision: 3c9e64b8a17d
Revises: f7481ac25d0b
Date: 2026-11-11 09:00:00+00:00

Purpose: the foreign key that follows looks profiles up by locale.
Phase: expand
Locks: SHARE UPDATE EXCLUSIVE on profiles; reads and writes go on. Waits for older transactions of the database.
Downgrade loses data: no.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "3c9e64b8a17d"
down_revision: str | Sequence[str] | None = "f7481ac25d0b"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


INDEX = "idx_profiles_locale"


def upgrade() -> None:
    """Build the index while the table is read and written."""
    with op.get_context().autocommit_block():
        _drop_if_invalid()
        # What is left now under this name is valid: an interrupted upgrade finished it and was not stamped.
        op.create_index(INDEX, "profiles", ["locale"], postgresql_concurrently=True, if_not_exists=True)


def downgrade() -> None:
    """Drop the index while the table is read and written."""
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="profiles", postgresql_concurrently=True, if_exists=True)


def _drop_if_invalid() -> None:
    # A build that was interrupted leaves an invalid index, which IF NOT EXISTS would keep for ever.
    if op.get_context().as_sql:
        return
    invalid = sa.text("SELECT NOT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(:name)")
    if op.get_bind().scalar(invalid, {"name": INDEX}):
        op.drop_index(INDEX, table_name="profiles", postgresql_concurrently=True, if_exists=True)
