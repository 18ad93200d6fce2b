"""Columns that may have `infinity`, which no made-up row has, because drivers of Python refuse to read it."""

from domain.migration.analysis.changes import added, kept, removed
from domain.migration.names import split
from domain.migration.snapshot import attributes
from domain.migration.trace import RevisionTrace

_WITH_INFINITY = ("date", "timestamp")
_NOT_TRIED = "'infinity', '-infinity': drivers of Python cannot read them"


def with_infinity(trace: RevisionTrace) -> dict[str, str]:
    """Return the edges that no row has, with `infinity` for each column of dates or times that the upgrade converts.

    A column is converted that gets another type, or goes from a table that gets a new column.
    """
    grown_tables = {split(column)[0] for column in added(trace, "column")}
    converted = [name for name in kept(trace, "column") if _type(trace, name) != _later_type(trace, name)]
    converted += [name for name in removed(trace, "column") if split(name)[0] in grown_tables]
    edges = dict(trace.unmade_edges)
    for column in converted:
        if _type(trace, column).startswith(_WITH_INFINITY):
            edges[column] = f"{edges[column]}; {_NOT_TRIED}" if column in edges else _NOT_TRIED
    return edges


def _type(trace: RevisionTrace, column: str) -> str:
    return str(attributes(trace.before, "column", column).get("type"))


def _later_type(trace: RevisionTrace, column: str) -> str:
    return str(attributes(trace.after, "column", column).get("type"))
