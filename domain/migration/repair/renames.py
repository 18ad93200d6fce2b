"""Renames by a revision: read from its statements, and undone in a schema."""

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
        kind: Kind of the object, as in a snapshot.
        old: Qualified name before the rename.
        new: Qualified name after the rename.
    """

    kind: str
    old: str
    new: str


def read_renames(statements: Iterable[str], snapshot: SchemaSnapshot) -> tuple[Rename, ...]:
    """Return the renames in the statements of an upgrade.

    Args:
        statements: SQL of the statements, in order.
        snapshot: Schema before the upgrade, in which names without a schema are looked up.
    """
    renames: list[Rename] = []
    for sql in statements:
        for match in _RENAME.finditer(sql):
            word, owner, part, own, new = match.group("word", "owner", "part", "own", "new")
            if word.lower() == "schema":
                renames.append(Rename("schema", owner, new))
                continue
            container = _qualified(owner, snapshot, renames)
            if own is None:
                kind = {"materialized view": "view", "domain": "type"}.get(word.lower(), word.lower())
                renames.append(Rename(kind, container, f"{split(container)[0]}.{new}".lstrip(".")))
            else:
                kind = "constraint" if (part or "").lower() == "constraint" else "column"
                renames.append(Rename(kind, f"{container}.{own}", f"{container}.{new}"))
    return tuple(renames)


NAME = r"(?:\"(?:[^\"]|\"\")+\"|\w+)"
_RENAME = re.compile(
    r"(?:^|;)\s*ALTER\s+(?P<word>TABLE|INDEX|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA)\s+(?:IF\s+EXISTS\s+)?"
    rf"(?:ONLY\s+)?(?P<owner>{NAME}(?:\.{NAME})?)\s+RENAME\s+(?:(?P<part>COLUMN|CONSTRAINT|ATTRIBUTE)\s+)?"
    rf"(?:(?!TO\s)(?P<own>{NAME})\s+)?TO\s+(?P<new>{NAME})",
    re.IGNORECASE,
)


def _qualified(name: str, snapshot: SchemaSnapshot, renames: Iterable[Rename]) -> str:
    if split(name)[0]:
        return name
    candidates = [qualified for kind, qualified in snapshot.objects if kind in _OUTER] + [
        rename.new for rename in renames
    ]
    matching = [qualified for qualified in candidates if split(qualified)[1] == name]
    return min(
        matching, key=lambda qualified: (not qualified.startswith("public."), qualified), default=f"public.{name}"
    )


_OUTER = frozenset({"table", "view", "index", "sequence", "type"})


def undo_rename(rename: Rename) -> str:
    """Return the operation that gives an object its former name."""
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
    """Return a schema as it is after a rename has been undone."""

    def name_of(kind: str, name: str) -> str:
        if name == rename.new and kind == rename.kind:
            return rename.old
        if kind == "index" and rename.kind == "constraint" and name == _index_of(rename.new):
            return _index_of(rename.old)
        if kind == "constraint" and rename.kind == "index" and _index_of(name) == rename.new:
            return f"{split(name)[0]}.{split(rename.old)[1]}"
        inner = rename.kind in {"table", "view", "type", "schema"} and name.startswith(f"{rename.new}.")
        return rename.old + name.removeprefix(rename.new) if inner else name

    return SchemaSnapshot(
        {(kind, name_of(kind, name)): attributes for (kind, name), attributes in snapshot.objects.items()}
    )


def _index_of(constraint: str) -> str:
    """Return the name of the index of a constraint."""
    table, own = split(constraint)
    return f"{split(table)[0]}.{own}"


def said_as(expected: SchemaSnapshot, actual: SchemaSnapshot, renames: Iterable[Rename]) -> SchemaSnapshot:
    """Return the actual schema with old names in the definitions that then equal the expected ones.

    Postgres itself replaces the name in all definitions when a rename is undone.

    Args:
        expected: Schema before the upgrade.
        actual: Schema with the renames undone.
        renames: Renames that are undone.
    """
    pairs = [(split(rename.new)[1], split(rename.old)[1]) for rename in renames]

    def with_old_names(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(map(with_old_names, value))
        if isinstance(value, str):
            for new, old in pairs:
                value = re.sub(rf'(?<![\w"]){re.escape(new)}(?![\w"])', lambda _, old=old: old, value)  # type: ignore[misc]
        return value

    return SchemaSnapshot(
        {
            key: {
                attribute: expected_value
                if (expected_value := expected.objects.get(key, {}).get(attribute)) == with_old_names(value)
                else value
                for attribute, value in attributes.items()
            }
            for key, attributes in actual.objects.items()
        }
    )
