"""Names of the objects that forms make, within the longest name of Postgres.

A name that is shortened ends in a few digits of a hash of the whole, so that two long names do not become one.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from hashlib import sha256
from itertools import chain, count

from domain.migration.names import bare, parts, split
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of

_LONGEST_NAME = 63  # bytes, NAMEDATALEN - 1
_DIGITS = 6  # of a hash
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut to the longest name of Postgres, as REINDEX names its temporary indexes."""
    schema, own = split(name)
    text = bare(own) if own.startswith('"') else own.lower()
    cut = _cut(text, len(suffix)).replace('"', '""')
    return f"{schema}." * bool(schema) + f'"{cut}{suffix}"'


def plain_name(*parts: str, suffix: str) -> str:
    """Return a name that needs no quotes, made of the names of a table and its columns and a suffix."""
    whole = "_".join(map(bare, parts))
    words = re.sub(r"\W+", "_", whole).lower()
    is_whole = words == whole.lower() and _cut(words, len(suffix)) == words
    return f"{words if is_whole else _hashed(words, whole, len(suffix))}{suffix}"


def free_name(make: Callable[[str], str], suffix: str, taken: Collection[str]) -> str:
    """Return a name that nothing else has; a number follows its suffix where something has the usual one.

    Args:
        make: Returns the name with a suffix, such as `with_suffix` of a name.
        suffix: The usual suffix.
        taken: The last parts of the names that exist, without quotes.
    """
    names = (make(f"{suffix}{end}") for end in chain([""], map("_{}".format, count(2))))
    return next(name for name in names if bare(name) not in taken)


def suffixed(name: str, suffix: str) -> str:
    """Return the last part of a name with a suffix, in quotes only if SQL needs them."""
    return _quoted(f"{_shortened(bare(name), len(suffix))}{suffix}")


def taken_in_table(kind: str, table: str, *snapshots: SchemaSnapshot | None) -> set[str]:
    """Return the names of columns, constraints or triggers that a table has in any of some schemas, without quotes.

    Those of its partitions and children count, because they get what the table gets.
    """
    return {
        bare(name)
        for snapshot in snapshots
        for tables in [{table, *_below(snapshot, table)}]
        for name in names_of(snapshot, kind)
        if split(name)[0] in tables
    }


def _below(snapshot: SchemaSnapshot | None, table: str) -> Iterator[str]:
    """Return the tables that inherit from a table or are its partitions, on all levels."""
    for name in names_of(snapshot, "table"):
        if table in texts(attributes(snapshot, "table", name).get("parents")):
            yield name
            yield from _below(snapshot, name)


def taken_functions(schema: str, *snapshots: SchemaSnapshot | None) -> set[str]:
    """Return the names of the functions of a schema in any of some catalogs, without quotes and arguments."""
    names = (parts(name) for snapshot in snapshots for name in names_of(snapshot, "function"))
    return {
        bare(own) if own.startswith('"') else own.partition("(")[0]
        for container, own, *_ in names
        if container == schema
    }


def taken_relations(schema: str, *snapshots: SchemaSnapshot | None) -> set[str]:
    """Return the names of the relations of a schema in any of some catalogs, without quotes.

    Composite types are relations, too; other types do not matter here, but no name is worth the difference.
    """
    return {
        bare(name)
        for snapshot in snapshots
        for kind in ("index", "table", "view", "sequence", "type")
        for name in names_of(snapshot, kind)
        if split(name)[0] == schema
    }


def index_name(table: str, columns: Sequence[str]) -> str:
    """Return the qualified name `ix_TABLE_COLUMNS` of an index."""
    return free_index_name(table, columns, ())


def free_index_name(table: str, columns: Sequence[str], taken: Collection[str]) -> str:
    """Return the qualified name of an index; a number follows where a relation has the name already."""
    return f"{split(table)[0]}.{free_joined_name(('ix', table, *columns), taken)}"


def free_joined_name(names: Sequence[str], taken: Collection[str]) -> str:
    """Return the last parts of some names in one name; a number follows where something has that already."""
    words = "_".join(map(bare, names))
    return free_name(lambda end: _quoted(_shortened(words, len(end)) + end), "", taken)


def _quoted(name: str) -> str:
    """Return a name in quotes, if SQL needs them."""
    escaped = name.replace('"', '""')
    return name if _PLAIN.fullmatch(name) else f'"{escaped}"'


def _shortened(name: str, reserved: int = 0) -> str:
    """Return a name that leaves room for so many bytes, with a part of its hash where it is cut for that."""
    return name if _cut(name, reserved) == name else _hashed(name, name, reserved)


def _hashed(name: str, whole: str, reserved: int) -> str:
    """Return a name that leaves room for so many bytes, with a part of the hash of what it was made of."""
    return f"{_cut(name, reserved + _DIGITS + 1)}_{sha256(whole.encode()).hexdigest()[:_DIGITS]}"


def _cut(name: str, reserved: int = 0) -> str:
    """Return a name that leaves room for so many bytes."""
    return name.encode()[: _LONGEST_NAME - reserved].decode(errors="ignore")
