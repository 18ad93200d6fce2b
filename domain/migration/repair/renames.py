"""Renames by a revision: read from its statements, and undone in a schema."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from domain.migration.names import folded, parts, schema_argument, split
from domain.migration.op_code import execute
from domain.migration.repair.definitions import texts
from domain.migration.repair.statements import own_name
from domain.migration.snapshot import SchemaSnapshot, Value


@dataclass(frozen=True)
class Rename:
    """An object that a revision renamed, or moved to another schema.

    Attributes:
        kind: Kind of the object, as in a snapshot.
        old: Qualified name before the rename.
        new: Qualified name after the rename.
        word: What SQL calls the object, or the one that contains it, such as `MATERIALIZED VIEW`; empty for the usual
            word.
    """

    kind: str
    old: str
    new: str
    word: str = field(default="", compare=False)

    @property
    def sql_word(self) -> str:
        """What ALTER calls the object, or the one that contains it."""
        return self.word or ("TABLE" if self.kind in {"column", "constraint"} else self.kind.upper())

    @property
    def moves(self) -> bool:
        """Whether another schema has the object now."""
        return self.kind in _OUTER and split(self.old)[0] != split(self.new)[0]


def read_renames(statements: Iterable[str], snapshot: SchemaSnapshot) -> tuple[Rename, ...]:
    """Return the renames in the statements of an upgrade.

    Args:
        statements: SQL of the statements, in order.
        snapshot: Schema before the upgrade, in which names without a schema are looked up.
    """
    renames: list[Rename] = []
    for sql in statements:
        for match in _RENAME.finditer(sql):
            owner, part, own, new, schema = match.group("owner", "part", "own", "new", "schema")
            word = " ".join(match["word"].upper().split())
            if word == "SCHEMA":
                renames.append(Rename("schema", owner, new, word))
                continue
            container = _qualified(owner, snapshot, renames)
            if own is None:
                kind = {"MATERIALIZED VIEW": "view", "DOMAIN": "type"}.get(word, word.lower())
                place, name = split(container)
                renames.append(Rename(kind, container, f"{schema or place}.{new or name}".lstrip("."), word))
            else:
                kind = "constraint" if (part or "").lower() == "constraint" else "column"
                renames.append(Rename(kind, f"{container}.{own}", f"{container}.{new}", word))
    return tuple(renames)


NAME = r"(?:\"(?:[^\"]|\"\")+\"|\w+)"
_RENAME = re.compile(
    r"(?:^|;)\s*ALTER\s+(?P<word>TABLE|INDEX|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA)\s+(?:IF\s+EXISTS\s+)?"
    rf"(?:ONLY\s+)?(?P<owner>{NAME}(?:\.{NAME})?)\s+(?:SET\s+SCHEMA\s+(?P<schema>{NAME})"
    rf"|RENAME\s+(?:(?P<part>COLUMN|CONSTRAINT|ATTRIBUTE)\s+)?(?:(?!TO\s)(?P<own>{NAME})\s+)?TO\s+(?P<new>{NAME}))",
    re.IGNORECASE,
)


def _qualified(name: str, snapshot: SchemaSnapshot, renames: Iterable[Rename]) -> str:
    if split(name)[0]:
        return name
    candidates = [qualified for kind, qualified in snapshot.objects if kind in _OUTER] + [
        rename.new for rename in renames
    ]
    matching = [qualified for qualified in candidates if folded(split(qualified)[1]) == folded(name)]
    return min(
        matching, key=lambda qualified: (not qualified.startswith("public."), qualified), default=f"public.{name}"
    )


def as_in(snapshots: Iterable[SchemaSnapshot], renames: Iterable[Rename]) -> list[Rename]:
    """Return renames with names as snapshots have them, in which Postgres has quoted exactly what needs quotes."""
    names = {name for snapshot in snapshots for _, name in snapshot.objects}
    known_parts = {folded(part): part for name in names for part in parts(name)}

    def as_known(name: str) -> str:
        return ".".join(known_parts.get(folded(part), part) for part in parts(name))

    return [replace(rename, old=as_known(rename.old), new=as_known(rename.new)) for rename in renames]


_OUTER = frozenset({"table", "view", "index", "sequence", "type"})


def undo_rename(rename: Rename) -> str:
    """Return the operation that gives an object its former name, or moves it back."""
    container, own, old = *split(rename.new), split(rename.old)[1]
    if rename.moves:
        return execute(f"ALTER {rename.sql_word} {rename.new} SET SCHEMA {split(rename.old)[0]}")
    if rename.kind == "column" and rename.sql_word == "TABLE":
        names = f"{own_name(rename.new)}, new_column_name={own_name(rename.old)}"
        return f"op.alter_column({own_name(container)}, {names}{schema_argument(container)})"
    if rename.kind == "table":
        return f"op.rename_table({own_name(rename.new)}, {own_name(rename.old)}{schema_argument(rename.new)})"
    if rename.kind in {"column", "constraint"}:
        part = "ATTRIBUTE" if rename.sql_word == "TYPE" else rename.kind.upper()
        return execute(f"ALTER {rename.sql_word} {container} RENAME {part} {own} TO {old}")
    return execute(f"ALTER {rename.sql_word} {rename.new} RENAME TO {old}")


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


def moved_along(snapshot: SchemaSnapshot, rename: Rename) -> list[Rename]:
    """Return the moves of the indexes and sequences of a table or view that was moved to another schema."""
    if not rename.moves:
        return []
    names = [
        (kind, name)
        for (kind, name), attributes in snapshot.objects.items()
        if (kind == "index" and attributes.get("table") == rename.new)
        or (kind == "sequence" and str(attributes.get("owned_by")).startswith(f"{rename.new}."))
    ]
    place = split(rename.old)[0]
    return [Rename(kind, f"{place}.{split(name)[1]}", name) for kind, name in names]


def without_table(snapshot: SchemaSnapshot, table: str) -> SchemaSnapshot:
    """Return a schema without a table and what is dropped along with it."""
    inside = f"{table}."
    return SchemaSnapshot(
        {
            (kind, name): attributes
            for (kind, name), attributes in snapshot.objects.items()
            if not f"{name}.".startswith(inside)
            and attributes.get("table") != table
            and not str(attributes.get("owned_by")).startswith(inside)
        }
    )


def renamed_values(expected: SchemaSnapshot, actual: SchemaSnapshot) -> list[tuple[str, str, str]]:
    """Return each value of an enum that was renamed: the type, its former text and the present one."""
    renamed: list[tuple[str, str, str]] = []
    for kind, name in sorted(expected.objects.keys() & actual.objects.keys()):
        before, after = (texts(state.objects[kind, name].get("values")) for state in (expected, actual))
        if kind != "type" or len(before) != len(after):
            continue
        pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        if not {old for old, _ in pairs} & {*after}:
            renamed += [(name, old, new) for old, new in pairs]
    return renamed


def _index_of(constraint: str) -> str:
    """Return the name of the index of a constraint."""
    table, own = split(constraint)
    return f"{split(table)[0]}.{own}"


def with_old_names(
    expected: SchemaSnapshot,
    actual: SchemaSnapshot,
    renames: Iterable[Rename],
    values: Iterable[tuple[str, str, str]] = (),
) -> SchemaSnapshot:
    """Return the actual schema with old names in the definitions that then equal the expected ones.

    Postgres itself replaces the name in all definitions when a rename is undone.

    Args:
        expected: Schema before the upgrade.
        actual: Schema with the renames undone.
        renames: Renames that are undone.
        values: Values of enums whose renames are undone, as `renamed_values` returns them.
    """
    pairs = [
        (rename.new, rename.old) if rename.moves else (split(rename.new)[1], split(rename.old)[1]) for rename in renames
    ]
    pairs += [(new, old) for _, old, new in values]
    patterns = [(re.compile(rf'(?<![\w"]){re.escape(new)}(?![\w"])'), old) for new, old in pairs]

    def with_old_names(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(map(with_old_names, value))
        if isinstance(value, str):
            for pattern, old in patterns:
                value = pattern.sub(lambda _, old=old: old, value)  # type: ignore[misc]
        return value

    def as_before(before: Value, value: Value) -> Value:
        # Another object may have had the new name before, so both sides get old names.
        return before if before != value and with_old_names(before) == with_old_names(value) else value

    return SchemaSnapshot(
        {
            key: {
                attribute: as_before(expected.objects.get(key, {}).get(attribute), value)
                for attribute, value in attributes.items()
            }
            for key, attributes in actual.objects.items()
        }
    )
