"""Locales.

Revision: 57c3d81fa2b9
Revises: e09a4b7c31d6
Date: 2026-11-09 14:00:00+00:00

Purpose: the languages that the application speaks.
Phase: expand
Locks: none that anybody waits for: the table is new.
Downgrade loses data: no: the rows come with the next revision.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "57c3d81fa2b9"
down_revision: str | Sequence[str] | None = "e09a4b7c31d6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "locales",
        sa.Column("code", sa.String(10), nullable=False, comment="BCP 47 language tag"),
        sa.Column("name", sa.String(50), nullable=False, comment="Name of the language in that language"),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_locales")),
        sa.UniqueConstraint("name", name=op.f("uq_locales_name")),
        comment="Languages the application speaks; reference data, written by revisions",
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("locales")
