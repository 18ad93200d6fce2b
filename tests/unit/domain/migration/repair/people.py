"""A table of people, and derived downgrades of its changes."""

from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    column,
    constraint,
    index,
    table,
)
from tests.unit.domain.migration.traces import Objects

EMAIL = f"{PEOPLE}.email"
SIZE = f"{PEOPLE}.size"
PEOPLE_TABLE = table(PEOPLE, "id", "email")
KEY: Objects = {
    **constraint(f"{PEOPLE}.pk", "primary key", "PRIMARY KEY (id)"),
    **index("public.pk", PEOPLE, "btree (id)", unique=True, constraint="pk"),
}
REFERENCE = "FOREIGN KEY (owner) REFERENCES public.people(id)"
ALTER_SIZE = "ALTER TABLE public.people ALTER COLUMN size TYPE integer USING size::integer"


def sized(kind: str, **more: Value) -> Objects:
    """The people with a size of a type."""
    return {**PEOPLE_TABLE, **column(SIZE, kind, **more)}
