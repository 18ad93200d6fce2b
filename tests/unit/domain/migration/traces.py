"""Traces and catalogs as Postgres would report them, in few words."""

from collections.abc import Mapping
from typing import Any

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot, Value
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RenamedObject, RevisionTrace, RowCounts, StatementTrace, TableFacts

Objects = dict[tuple[str, str], Mapping[str, Value]]

USERS = "public.users"
ORDERS = "public.orders"
TABLES = {USERS: TableFacts(2000, 100_000), ORDERS: TableFacts(2000, 100_000)}


def column(name: str, kind: str = "text", *, not_null: bool = False, **more: Value) -> Objects:
    """A column, by its qualified name."""
    return {("column", name): {"type": kind, "not_null": not_null, "default": None, **more}}


def table(name: str, *columns: str, **more: Value) -> Objects:
    """A table with text columns."""
    found: Objects = {("table", name): {"kind": "table", "parents": (), **more}}
    for own in columns:
        found |= column(f"{name}.{own}")
    return found


def index(name: str, on: str, definition: str = "btree (email)", **more: Value) -> Objects:
    """An index, its definition as it stands after USING."""
    unique = "UNIQUE " if more.get("unique") else ""
    return {
        ("index", f"public.{name}"): {
            "table": on,
            "definition": f"CREATE {unique}INDEX {name} ON {on} USING {definition}",
            "access_method": definition.split(maxsplit=1)[0],
            "valid": True,
            "predicate": None,
            "constraint": None,
            "options": (),
            **more,
        }
    }


def constraint(name: str, kind: str, definition: str) -> Objects:
    """A constraint, by its qualified name."""
    return {("constraint", name): {"type": kind, "definition": definition, "validated": True}}


BASE: Objects = {
    **table(USERS, "id", "email", "name"),
    **table(ORDERS, "id", "user_id"),
    **constraint(f"{USERS}.users_pkey", "primary key", "PRIMARY KEY (id)"),
}


def without(objects: Objects, *names: str) -> Objects:
    """Leave objects out by name."""
    return {key: value for key, value in objects.items() if key[1] not in names}


def step(sql: str, transaction: int | None = 1, lock: LockMode | None = None, **more: Any) -> StatementTrace:
    """A statement; `lock` is on the users."""
    locks = {USERS: lock} if lock is not None else {}
    # Postgres refuses what says CONCURRENTLY inside a transaction block.
    refused = transaction is None and "CONCURRENTLY" in sql
    defaults = {"locks": locks, "lock_timeout": "2s", "cannot_run_in_transaction": refused}
    return StatementTrace(sql=sql, transaction=transaction, **{**defaults, **more})


def updated(rows: int = 2000) -> Mapping[str, RowCounts]:
    """So many users updated."""
    return {USERS: RowCounts(updated=rows)}


def changed(kind: str, name: str) -> tuple[ChangedObject, ...]:
    """One object that a statement made, changed or dropped."""
    return (ChangedObject(kind, name),)


def renamed(kind: str, old: str, new: str) -> tuple[RenamedObject, ...]:
    """One object that a statement renamed."""
    return (RenamedObject(kind, old, new),)


def revision(
    *upgrade: StatementTrace, before: Objects = BASE, after: Objects | None = None, **more: Any
) -> RevisionTrace:
    """A revision whose downgrade gives everything back, unless told otherwise."""
    defaults: dict[str, Any] = {
        "downgrade": (step("SELECT 'undo'"),),
        "tables": TABLES,
        "before": SchemaSnapshot(before),
        "after": SchemaSnapshot(before if after is None else after),
        "restored": SchemaSnapshot(before),
    }
    return RevisionTrace("a1", (), "versions/a1.py", "a change", upgrade=upgrade, **{**defaults, **more})


def codes(trace: RevisionTrace, statistics: Statistics | None = None) -> dict[str, str]:
    """What all rules say: the worst severity by code, suppressed diagnostics left out."""
    found: dict[str, str] = {}
    for diagnostic in judge(trace, statistics or Statistics.unknown(), all_rules()):
        if diagnostic.suppressed_reason is None:
            found.setdefault(diagnostic.code, diagnostic.severity.value)
    return found
