"""Columns that several tables share: a UUID key, timestamps, soft delete."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Computed, Table, event, func, text
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from adapter.outbound.database import ddl
from adapter.outbound.database.base import Base

ddl.function(
    Base.metadata,
    """
    CREATE FUNCTION public.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- A backfill is no change that a user made; it says so.
        IF coalesce(current_setting('app.keep_updated_at', true), '') <> 'on' THEN
            NEW.updated_at := now();
        END IF;
        RETURN NEW;
    END
    $$
    """,
)


class UUIDKey:
    """A random UUID primary key, which Postgres generates if the application does not set it."""

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, server_default=text("gen_random_uuid()"), sort_order=-10, comment="Random UUID"
    )


class Timestamps:
    """The times of creation and last change of a row; a trigger sets `updated_at`, so that raw SQL is covered too."""

    created_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), sort_order=10, comment="When the row was made"
    )
    updated_at: Mapped[dt.datetime] = mapped_column(
        server_default=func.now(), sort_order=11, comment="When the row last changed; kept by a trigger"
    )


class SoftDelete:
    """The deletion time of a row that is kept and can be restored."""

    deleted_at: Mapped[dt.datetime | None] = mapped_column(
        sort_order=12, comment="When the row was deleted; null while it is alive"
    )
    # A generated column cannot contradict the time.
    is_deleted: Mapped[bool] = mapped_column(
        Computed("deleted_at IS NOT NULL", persisted=True),
        nullable=False,
        sort_order=13,
        comment="Whether deleted_at is set; generated",
    )


@event.listens_for(Timestamps, "after_mapper_constructed", propagate=True)
def _attach_updated_at_trigger(mapper: Mapper[Any], _class: type[Any]) -> None:
    table = mapper.local_table
    if isinstance(table, Table):
        ddl.trigger(table, f"trg_{table.name}_set_updated_at", "BEFORE UPDATE", "set_updated_at")
