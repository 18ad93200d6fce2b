"""Names of the objects that forms make, within the longest name of Postgres."""

import re
from collections.abc import Sequence

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
    name = f"ix_{bare(table)}_{'_'.join(map(bare, columns))}"
    own = _cut(name).replace('"', '""')
    return f"{split(table)[0]}." + (own if _PLAIN.fullmatch(own) else f'"{own}"')


def _cut(name: str, reserved: int = 0) -> str:
    """Return a name that leaves room for so many bytes."""
    return name.encode()[: _LONGEST_NAME - reserved].decode(errors="ignore")
