"""Profiles get a locale: backfill.

Revision: 90d5b3c6f1e7
Revises: 2ea7159c84f3
Date: 2026-11-10 09:10:00+00:00

Purpose: second of three: fill the rows that were there, in batches by key range. Each batch is a transaction; an
    interrupted run goes on where it was, because it touches null rows only.
Phase: migrate
Locks: ROW EXCLUSIVE on profiles and row locks on one batch at a time.
Downgrade loses data: no: what can be derived from `preferences` again becomes null; what a user chose since stays.
"""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "90d5b3c6f1e7"
down_revision: str | Sequence[str] | None = "2ea7159c84f3"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

lossy_downgrade = {
    "public.profiles.locale": "a value equal to what `preferences` say is emptied; the backfill derives it again"
}

BATCH = 5_000  # rows; some ten milliseconds, so that nobody waits long for a row

# Only languages that `locales` has; English for everybody else.
DERIVED = "coalesce((SELECT code FROM locales WHERE code = preferences ->> 'locale'), 'en')"


def upgrade() -> None:
    """Fill the null rows."""
    _in_batches(f"UPDATE profiles SET locale = {DERIVED} WHERE locale IS NULL")


def downgrade() -> None:
    """Empty the rows that the upgrade would fill with the same value."""
    _in_batches(f"UPDATE profiles SET locale = NULL WHERE locale = {DERIVED}")


def _in_batches(update: str) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET app.keep_updated_at = 'on'")
        if op.get_context().as_sql:
            op.execute(update)  # a script cannot loop; for a large table run this revision online
        else:
            _each_batch(sa.text(f"{update} AND id > CAST(:after AS uuid) AND id <= CAST(:last AS uuid)"))
        op.execute("SET app.keep_updated_at = 'off'")


def _each_batch(update: sa.TextClause) -> None:
    connection = op.get_bind()
    last_of_batch = sa.text(
        """
        SELECT id FROM (SELECT id FROM profiles WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :batch) AS batch
        ORDER BY id DESC LIMIT 1
        """
    )
    after = uuid.UUID(int=0)
    while last := connection.scalar(last_of_batch, {"after": after, "batch": BATCH}):
        connection.execute(update, {"after": after, "last": last})
        after = last
