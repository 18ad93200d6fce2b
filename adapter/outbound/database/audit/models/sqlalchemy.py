"""Table of the audit trail, which a trigger writes and never the application."""

import datetime as dt
from typing import Any

from sqlalchemy import DDL, BigInteger, Identity, Index, String, event, func
from sqlalchemy.orm import Mapped, mapped_column

from adapter.outbound.database import ddl
from adapter.outbound.database.base import Base

AUDITED_TABLES = ("users", "profiles", "products", "orders", "order_products", "documents")

ddl.function(
    Base.metadata,
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
    """,
)


class AuditEvent(Base):
    """A change of a row of a business table."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index(None, "table_name", "row_id"),
        # Events are inserted in the order of time, so a BRIN index of a few pages finds those of a period.
        Index(None, "occurred_at", postgresql_using="brin"),
        {"comment": "Changes of rows of the business tables; written by a trigger"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="Running number")
    occurred_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.clock_timestamp(), comment="When the row changed"
    )
    actor: Mapped[str] = mapped_column(String(255), comment="Setting app.actor, or the database user without it")
    table_name: Mapped[str] = mapped_column(String(63), comment="Table of the changed row")
    operation: Mapped[str] = mapped_column(String(10), comment="INSERT, UPDATE or DELETE")
    row_id: Mapped[str | None] = mapped_column(comment="Column id of the changed row, where the table has one")
    old_row: Mapped[dict[str, Any] | None] = mapped_column(comment="The row before; null for INSERT")
    new_row: Mapped[dict[str, Any] | None] = mapped_column(comment="The row after; null for DELETE")


# The triggers are created after all tables, because `audit_events` must exist.
_TRIGGER = (
    "CREATE TRIGGER trg_{table}_audit AFTER INSERT OR UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION public.record_audit_event()"
)
for _table in AUDITED_TABLES:
    event.listen(Base.metadata, "after_create", DDL(ddl.literal(_TRIGGER.format(table=_table))))
