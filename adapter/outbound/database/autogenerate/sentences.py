"""Differences of autogenerate as sentences, one a line: `add column notes.title`."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from adapter.outbound.database.autogenerate.operations import type_text

_LONGEST = 300
_MODIFY_PARTS = 7


def sentences(differences: Iterable[Any]) -> Iterator[str]:
    """Return a sentence for each difference of `alembic check`; those of one column are nested in a list."""
    for difference in differences:
        if isinstance(difference, list):
            yield from sentences(difference)
        else:
            yield _shortened(_sentence(difference))


def _sentence(difference: tuple[Any, ...]) -> str:
    kind = str(difference[0]).replace("_", " ")
    if difference[0].startswith("modify_") and len(difference) == _MODIFY_PARTS:
        _, schema, table, column, _, before, after = difference
        return (
            f"{kind} {'.'.join(part for part in (schema, table, column) if part)}: {_shown(before)} to {_shown(after)}"
        )
    names = [_name(part) for part in difference[1:]]
    if all(isinstance(part, str) for part in difference[1:]):
        # A difference of this package consists of the object and the statement.
        return f"{kind} {': '.join(name for name in names if name)}"
    return f"{kind} {'.'.join(name for name in names if name)}"


def _name(part: Any) -> str:
    if isinstance(part, str):
        return part
    name = getattr(part, "name", None)
    table = getattr(part, "table", None)
    if not isinstance(name, str) or isinstance(part, MetaData):
        return ""
    # The difference names the table of a column, but not that of an index or a constraint.
    return name if table is None or hasattr(part, "type") else f"{table.fullname}.{name}"


def _shown(value: Any) -> str:
    if isinstance(value, TypeEngine):
        try:
            return type_text(value)
        except CompileError:
            return repr(value)
    argument = getattr(value, "arg", value)
    return "none" if argument is None or argument is False else str(argument)


def _shortened(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
