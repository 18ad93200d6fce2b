"""Statements that make a table."""

import pytest

from domain.migration.repair.definitions import (
    columns_of,
)
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    PETS,
    column,
    table,
)
from tests.unit.domain.migration.repair.definitions import made


def test_make_a_table() -> None:
    """Its columns by position, whatever their names are, and their settings behind it."""
    objects = {
        **table(),
        **column(f"{PEOPLE}.a", position=2, storage="external"),
        **column(f"{PEOPLE}.b", position=1, not_null=True),
        **column(f"{PEOPLE}.c", position=10),
        **column(f"{PETS}.a"),
    }
    assert made(objects) == [
        "CREATE TABLE public.people (\n    b text NOT NULL,\n    a text,\n    c text\n)",
        "ALTER TABLE public.people ALTER COLUMN a SET STORAGE EXTERNAL",
    ]
    assert columns_of(PETS, SchemaSnapshot(objects)) == [f"{PETS}.a"]


def test_a_table_without_columns() -> None:
    """Postgres wants the parentheses."""
    assert made(table()) == ["CREATE TABLE public.people ()"]


def test_a_table_with_all_that_it_can_have() -> None:
    """Partition key, options of its own and of its TOAST table, tablespace; switches come as statements."""
    objects = table(
        PEOPLE,
        "at",
        persistence="unlogged",
        partition_key="RANGE (at)",
        options=("fillfactor=70",),
        toast_options=("autovacuum_enabled=off",),
        tablespace="fast",
        row_security=True,
        force_row_security=True,
        replica_identity="full",
    )
    assert made(objects) == [
        (
            "CREATE UNLOGGED TABLE public.people (\n    at text\n) PARTITION BY RANGE (at)"
            " WITH (fillfactor=70, toast.autovacuum_enabled=off) TABLESPACE fast"
        ),
        "ALTER TABLE public.people ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE public.people FORCE ROW LEVEL SECURITY",
        "ALTER TABLE public.people REPLICA IDENTITY FULL",
    ]


@pytest.mark.parametrize(("identity", "said"), [("default", 0), ("index", 0), ("nothing", 1), ("full", 1)])
def test_the_replica_identity_of_a_new_table(identity: str, said: int) -> None:
    """The default needs no word, and an index says it itself."""
    statements = made(table(replica_identity=identity))
    assert statements is not None
    assert statements[1:] == [f"ALTER TABLE public.people REPLICA IDENTITY {identity.upper()}"] * said


def test_a_partition_takes_its_columns_from_its_parent() -> None:
    """It has neither a list of columns nor their settings."""
    objects = table(PEOPLE, parents=(PETS,), partition_bound="FOR VALUES IN (1)")
    objects |= column(f"{PEOPLE}.a", storage="external", local=False, inherited=True)
    assert made(objects) == ["CREATE TABLE public.people PARTITION OF public.pets FOR VALUES IN (1)"]


def test_a_table_that_inherits_has_its_own_columns_only() -> None:
    """The others come from its parents."""
    objects = table(PEOPLE, parents=(PETS, "public.things"))
    objects |= column(f"{PEOPLE}.a", local=False, inherited=True) | column(f"{PEOPLE}.b", position=2)
    assert made(objects) == ["CREATE TABLE public.people (\n    b text\n) INHERITS (public.pets, public.things)"]


def test_tables_that_no_statement_makes() -> None:
    """A catalog holds too little of a foreign table, and of a table of a type."""
    assert made(table(kind="foreign table")) is None
    assert made(table(of_type="public.place")) is None
