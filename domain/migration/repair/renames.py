"""Renames that a revision made, read from its statements, and undone in catalogs."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain.migration.names import schema_argument, split
from domain.migration.op_code import execute
from domain.migration.repair.statements import own_name
from domain.migration.snapshot import SchemaSnapshot, Value


@dataclass(frozen=True)
class Rename:
    """An object that a revision renamed.

    Attributes:
        kind: As in a snapshot.
        old: Its qualified name before.
        new: Its qualified name after.
    """

    kind: str
    old: str
    new: str


def read_renames(statements: Iterable[str], snapshot: SchemaSnapshot) -> tuple[Rename, ...]:
    """Read from statements of an upgrade what they renamed; names without a schema are looked up in what was before."""
    found: list[Rename] = []
    for sql in statements:
        for match in _RENAME.finditer(sql):
            word, owner, part, own, new = match.group("word", "owner", "part", "own", "new")
            container = _looked_up(owner, snapshot, found)
            if own is None:
                kind = {"materialized view": "view", "domain": "type"}.get(word.lower(), word.lower())
                found.append(Rename(kind, container, f"{split(container)[0]}.{new}".lstrip(".")))
            else:
                kind = "constraint" if (part or "").lower() == "constraint" else "column"
                found.append(Rename(kind, f"{container}.{own}", f"{container}.{new}"))
    return tuple(found)


NAME = r"(?:\"(?:[^\"]|\"\")+\"|\w+)"
_RENAME = re.compile(
    r"(?:^|;)\s*ALTER\s+(?P<word>TABLE|INDEX|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA)\s+(?:IF\s+EXISTS\s+)?"
    rf"(?:ONLY\s+)?(?P<owner>{NAME}(?:\.{NAME})?)\s+RENAME\s+(?:(?P<part>COLUMN|CONSTRAINT|ATTRIBUTE)\s+)?"
    rf"(?:(?!TO\s)(?P<own>{NAME})\s+)?TO\s+(?P<new>{NAME})",
    re.IGNORECASE,
)


def _looked_up(name: str, snapshot: SchemaSnapshot, renames: Iterable[Rename]) -> str:
    if split(name)[0]:
        return name
    known = [other for kind, other in snapshot.objects if kind in _OUTER] + [one.new for one in renames]
    fitting = [other for other in known if split(other)[1] == name]
    return min(fitting, key=lambda other: (not other.startswith("public."), other), default=f"public.{name}")


_OUTER = frozenset({"table", "view", "index", "sequence", "type"})


def undo_rename(rename: Rename) -> str:
    """Return the statement that gives an object its former name."""
    table = split(rename.new)[0]
    match rename.kind:
        case "column":
            names = f"{own_name(rename.new)}, new_column_name={own_name(rename.old)}"
            return f"op.alter_column({own_name(table)}, {names}{schema_argument(table)})"
        case "table":
            return f"op.rename_table({own_name(rename.new)}, {own_name(rename.old)}{schema_argument(rename.new)})"
        case "constraint":
            return execute(f"ALTER TABLE {table} RENAME CONSTRAINT {split(rename.new)[1]} TO {split(rename.old)[1]}")
        case kind:
            return execute(f"ALTER {kind.upper()} {rename.new} RENAME TO {split(rename.old)[1]}")


def with_rename_undone(snapshot: SchemaSnapshot, rename: Rename) -> SchemaSnapshot:
    """Return a catalog as it is when a rename has been undone."""

    def name_of(kind: str, name: str) -> str:
        if name == rename.new and kind == rename.kind:
            return rename.old
        if kind == "index" and rename.kind == "constraint" and name == _beside(rename.new):
            return _beside(rename.old)
        if kind == "constraint" and rename.kind == "index" and _beside(name) == rename.new:
            return f"{split(name)[0]}.{split(rename.old)[1]}"
        inner = rename.kind in {"table", "view", "type", "schema"} and name.startswith(f"{rename.new}.")
        return rename.old + name.removeprefix(rename.new) if inner else name

    return SchemaSnapshot(
        {(kind, name_of(kind, name)): attributes for (kind, name), attributes in snapshot.objects.items()}
    )


def _beside(constraint: str) -> str:
    """Name the index of a constraint."""
    table, own = split(constraint)
    return f"{split(table)[0]}.{own}"


def said_as(expected: SchemaSnapshot, actual: SchemaSnapshot, renames: Iterable[Rename]) -> SchemaSnapshot:
    """Put the old names into definitions where that makes them what is expected: Postgres does so by itself."""
    pairs = [(split(rename.new)[1], split(rename.old)[1]) for rename in renames]

    def said(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(map(said, value))
        if isinstance(value, str):
            for new, old in pairs:
                value = re.sub(rf'(?<![\w"]){re.escape(new)}(?![\w"])', lambda _, old=old: old, value)  # type: ignore[misc]
        return value

    return SchemaSnapshot(
        {
            key: {
                attribute: wanted if (wanted := expected.objects.get(key, {}).get(attribute)) == said(value) else value
                for attribute, value in attributes.items()
            }
            for key, attributes in actual.objects.items()
        }
    )
