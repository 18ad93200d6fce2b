"""Profiles get a locale: expand.

Revision: 2ea7159c84f3
Revises: b64f20e9d7a8
Date: 2026-11-10 09:00:00+00:00

Purpose: first of three revisions to a NOT NULL column without downtime: a nullable column. New rows get the default
    at once; rows that are there stay null until the next revision fills them from `preferences`.
Phase: expand
Locks: ACCESS EXCLUSIVE on profiles for an instant; nothing is read or rewritten.
Downgrade loses data: yes, the column.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "2ea7159c84f3"
down_revision: str | Sequence[str] | None = "b64f20e9d7a8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add the column, then its default: in one step the default would fill the rows that are there."""
    op.add_column("profiles", sa.Column("locale", sa.String(10), nullable=True, comment="Language the user reads"))
    op.alter_column("profiles", "locale", server_default=sa.text("'en'"))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("profiles", "locale")
