"""Rows that Postgres looks up to check foreign keys, in tables so small that it reads all rows for each of them.

An index on the referenced columns is always there, and Postgres uses it on a table of the target. Of a few pages, as
`migrate verify` fills, it is cheaper to read them all (manual, "Planner Cost Constants").
"""

from domain.migration.analysis.changes import referenced_table
from domain.migration.names import mention, split
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace, StatementTrace

_PAGE = 8192  # bytes
_OF_INDEX = 8.5  # the planner's cost of one row by an index: two random pages, and the work on them
_OF_ROW = 0.0125  # that of a row in a scan, with one condition; a page costs 1


def are_lookups(trace: RevisionTrace, statement: StatementTrace, table: str) -> bool:
    """Return whether a statement read a table only to check the foreign keys of rows that it wrote.

    A statement that names the table, or that writes a table with triggers, may have read it otherwise.
    """
    facts = trace.tables[table]
    if facts.bytes / _PAGE + facts.rows * _OF_ROW > _OF_INDEX or table in trace.unfilled:
        return False
    written = {name for name, rows in statement.rows.items() if rows.inserted or rows.updated}
    return (
        any(_refers(trace, name, table) for name in written)
        and not any(split(trigger)[0] in written for trigger in _names(trace, "trigger"))
        and mention(table).search(statement.sql) is None
    )


def _refers(trace: RevisionTrace, table: str, referenced: str) -> bool:
    return any(
        split(name)[0] == table
        and referenced_table(str(attributes(state, "constraint", name).get("definition"))) == referenced
        for state in (trace.before, trace.after)
        for name in names_of(state, "constraint")
    )


def _names(trace: RevisionTrace, kind: str) -> frozenset[str]:
    return names_of(trace.before, kind) | names_of(trace.after, kind)
