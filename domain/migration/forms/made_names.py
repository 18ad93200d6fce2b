"""Names of the objects that forms make, within the longest name of Postgres."""

import re
from collections.abc import Collection, Sequence
from itertools import chain, count

from domain.migration.names import bare, split

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


def index_name(table: str, columns: Sequence[str]) -> str:
    """Return the qualified name `ix_TABLE_COLUMNS` of an index."""
    return f"{split(table)[0]}.{_quoted(_cut(_index_words(table, columns)))}"


def free_index_name(table: str, columns: Sequence[str], taken: Collection[str]) -> str:
    """Return the qualified name of an index; a number follows where a relation has the name already."""
    usual, words = index_name(table, columns), _index_words(table, columns)
    numbered = (f"{split(table)[0]}.{_quoted(_cut(words, len(end)) + end)}" for end in map("_{}".format, count(2)))
    return next(name for name in chain([usual], numbered) if name not in taken)


def _index_words(table: str, columns: Sequence[str]) -> str:
    return f"ix_{bare(table)}_{'_'.join(map(bare, columns))}"


def _quoted(name: str) -> str:
    """Return a name in quotes, if SQL needs them."""
    escaped = name.replace('"', '""')
    return name if _PLAIN.fullmatch(name) else f'"{escaped}"'


def _cut(name: str, reserved: int = 0) -> str:
    """Return a name that leaves room for so many bytes."""
    return name.encode()[: _LONGEST_NAME - reserved].decode(errors="ignore")
