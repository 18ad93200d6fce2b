"""The languages that the application speaks.

Revision: b64f20e9d7a8
Revises: 57c3d81fa2b9
Date: 2026-11-09 14:10:00+00:00

Purpose: reference data; the same rows in every environment.
Phase: migrate
Locks: ROW EXCLUSIVE on locales.
Downgrade loses data: no: these rows, and no others, are deleted.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "b64f20e9d7a8"
down_revision: str | Sequence[str] | None = "57c3d81fa2b9"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


LOCALES = {
    "ca": "Català",
    "de": "Deutsch",
    "en": "English",
    "es": "Español",
    "eu": "Euskara",
    "fr": "Français",
    "gl": "Galego",
    "it": "Italiano",
    "pt": "Português",
}
locales = sa.table("locales", sa.column("code", sa.String), sa.column("name", sa.String))


def upgrade() -> None:
    """Insert the rows."""
    op.bulk_insert(locales, [{"code": code, "name": name} for code, name in LOCALES.items()])


def downgrade() -> None:
    """Delete the rows."""
    op.execute(locales.delete().where(locales.c.code.in_(sorted(LOCALES))))
