"""Users start as pending.

Revision: e09a4b7c31d6
Revises: 1d82f6ab4c97
Date: 2026-11-05 09:50:00+00:00

Purpose: a user who registers is not active before the address is confirmed.
Phase: migrate
Locks: ACCESS EXCLUSIVE on users for an instant; nothing is read or rewritten.
Downgrade loses data: no.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "e09a4b7c31d6"
down_revision: str | Sequence[str] | None = "1d82f6ab4c97"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Change the default; rows stay as they are."""
    op.alter_column("users", "status", server_default=sa.text("'PENDING'"))


def downgrade() -> None:
    """Give the old default back."""
    op.alter_column("users", "status", server_default=sa.text("'ACTIVE'"))
