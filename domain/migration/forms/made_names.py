"""Names of the objects that forms make, within the longest name of Postgres."""

import re
from collections.abc import Callable, Collection, Sequence
from itertools import chain, count

from domain.migration.names import bare, split
from domain.migration.snapshot import SchemaSnapshot, names_of

_LONGEST_NAME = 63  # bytes, NAMEDATALEN - 1
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut to the longest name of Postgres, as REINDEX names its temporary indexes."""
    schema, own = split(name)
    text = bare(own) if own.startswith('"') else own.lower()
    cut = _cut(text, len(suffix)).replace('"', '""')
    return f"{schema}." * bool(schema) + f'"{cut}{suffix}"'


def plain_name(*parts: str, suffix: str) -> str:
    """Return a name that needs no quotes, made of the names of a table and its columns and a suffix."""
    words = re.sub(r"\W+", "_", "_".join(map(bare, parts))).lower()
    return f"{_cut(words, len(suffix))}{suffix}"


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
    return _quoted(f"{_cut(bare(name), len(suffix))}{suffix}")


def taken_in_table(kind: str, table: str, *snapshots: SchemaSnapshot | None) -> set[str]:
    """Return the names of the columns or the constraints that a table has in any of some schemas, without quotes."""
    return {bare(name) for snapshot in snapshots for name in names_of(snapshot, kind) if split(name)[0] == table}


def taken_relations(schema: str, *snapshots: SchemaSnapshot | None) -> set[str]:
    """Return the names of the relations of a schema in any of some catalogs, without quotes."""
    return {
        bare(name)
        for snapshot in snapshots
        for kind in ("index", "table", "view", "sequence")
        for name in names_of(snapshot, kind)
        if split(name)[0] == schema
    }


def index_name(table: str, columns: Sequence[str]) -> str:
    """Return the qualified name `ix_TABLE_COLUMNS` of an index."""
    return f"{split(table)[0]}.{_quoted(_cut(_index_words(table, columns)))}"


def free_index_name(table: str, columns: Sequence[str], taken: Collection[str]) -> str:
    """Return the qualified name of an index; a number follows where a relation has the name already."""
    words = _index_words(table, columns)
    return free_name(lambda end: f"{split(table)[0]}.{_quoted(_cut(words, len(end)) + end)}", "", taken)


def _index_words(table: str, columns: Sequence[str]) -> str:
    return f"ix_{bare(table)}_{'_'.join(map(bare, columns))}"


def _quoted(name: str) -> str:
    """Return a name in quotes, if SQL needs them."""
    escaped = name.replace('"', '""')
    return name if _PLAIN.fullmatch(name) else f'"{escaped}"'


def _cut(name: str, reserved: int = 0) -> str:
    """Return a name that leaves room for so many bytes."""
    return name.encode()[: _LONGEST_NAME - reserved].decode(errors="ignore")
