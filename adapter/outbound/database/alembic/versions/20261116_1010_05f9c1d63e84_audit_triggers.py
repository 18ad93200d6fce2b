"""Audit trail: its triggers.

Revision: 05f9c1d63e84
Revises: d8e3572ba96f
Date: 2026-11-16 10:10:00+00:00

Purpose: record every change of the business tables, by whatever code it is made.
Phase: expand
Locks: SHARE ROW EXCLUSIVE on one table at a time for an instant. Each statement commits by itself, so that
    locks do not pile up over the tables.
Downgrade loses data: no.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "05f9c1d63e84"
down_revision: str | Sequence[str] | None = "d8e3572ba96f"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


TABLES = ("users", "profiles", "products", "orders", "order_products", "documents")


def upgrade() -> None:
    """Create the triggers; one that an interrupted run created is replaced by itself."""
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(
                f"CREATE OR REPLACE TRIGGER trg_{table}_audit AFTER INSERT OR UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION public.record_audit_event()"
            )


def downgrade() -> None:
    """Drop the triggers."""
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(f"DROP TRIGGER IF EXISTS trg_{table}_audit ON {table}")
