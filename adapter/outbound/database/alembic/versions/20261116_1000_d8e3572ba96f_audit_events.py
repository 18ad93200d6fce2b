"""Audit trail: its table and its function.

Revision: d8e3572ba96f
Revises: 6b1f8d4e02a5
Date: 2026-11-16 10:00:00+00:00

Purpose: who changed what and when; the triggers that write it follow one by one.
Phase: expand
Locks: none that anybody waits for: all is new.
Downgrade loses data: yes, the audit trail.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "d8e3572ba96f"
down_revision: str | Sequence[str] | None = "6b1f8d4e02a5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create the table and the trigger function."""
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number"),
        sa.Column(
            "occurred_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When the row changed",
        ),
        sa.Column(
            "actor", sa.String(255), nullable=False, comment="Setting app.actor, or the database user without it"
        ),
        sa.Column("table_name", sa.String(63), nullable=False, comment="Table of the changed row"),
        sa.Column("operation", sa.String(10), nullable=False, comment="INSERT, UPDATE or DELETE"),
        sa.Column("row_id", sa.Text(), nullable=True, comment="Column id of the changed row, where the table has one"),
        sa.Column("old_row", postgresql.JSONB(), nullable=True, comment="The row before; null for INSERT"),
        sa.Column("new_row", postgresql.JSONB(), nullable=True, comment="The row after; null for DELETE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        comment="Changes of rows of the business tables; written by a trigger",
    )
    op.create_index(op.f("idx_audit_events_table_name_row_id"), "audit_events", ["table_name", "row_id"])
    op.create_index(op.f("idx_audit_events_occurred_at"), "audit_events", ["occurred_at"], postgresql_using="brin")
    op.execute(
        """
    CREATE FUNCTION public.record_audit_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        before_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
        after_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    BEGIN
        INSERT INTO public.audit_events (actor, table_name, operation, row_id, old_row, new_row)
        VALUES (
            coalesce(nullif(current_setting('app.actor', true), ''), session_user::text),
            TG_TABLE_NAME,
            TG_OP,
            coalesce(after_row, before_row) ->> 'id',
            before_row,
            after_row
        );
        RETURN NULL;
    END
    $$
    """
    )


def downgrade() -> None:
    """Drop both."""
    op.execute("DROP FUNCTION public.record_audit_event()")
    op.drop_table("audit_events")
