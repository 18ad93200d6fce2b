"""UPDATEs and DELETEs of which only the target knows how many rows they reach."""

import re
from collections.abc import Iterator

from domain.migration.analysis.heavy_writes import commits_within
from domain.migration.analysis.impact import emptied_before, is_big, unbatched_writes
from domain.migration.analysis.unseen import keywords
from domain.migration.index_definition import key_columns
from domain.migration.names import mention
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace


def unknown_shares(trace: RevisionTrace, statistics: Statistics) -> Iterator[tuple[int, str]]:
    """Return the statements that write in one transaction an unknown share of a big table.

    The values of made-up rows are spread by chance. A condition without a unique key, and one that more rows meet than
    it names values, is met by any number of rows at the target: by one in five here, and perhaps by nearly all there.
    So is a loop over rows that a SELECT has read.

    Yields:
        Index of the statement and name of the table.
    """
    heavy = {(work.statement, work.table) for work in unbatched_writes(trace, statistics)}
    for index, statement in enumerate(trace.upgrade):
        if commits_within(statement) or _BOUNDED.search(keywords(statement.sql)):
            continue
        for table in statement.rows.keys() & trace.tables.keys():
            if (
                (index, table) not in heavy
                and table not in emptied_before(trace, index)
                and _names(statement, table)
                and _is_unknown(trace, index, table)
                and is_big(trace, statistics, table)
            ):
                yield index, table


def _is_unknown(trace: RevisionTrace, index: int, table: str) -> bool:
    """Return whether a condition says nothing of the number of rows that a statement updates or deletes."""
    statement = trace.upgrade[index]
    written = statement.rows[table].updated + statement.rows[table].deleted
    turns = 1 if _turns_by_rows(trace, index, table) else statement.count
    most = max(1, len(_VALUE.findall(statement.sql))) * turns
    return written > most or (written > 0 and not _names_key(trace, statement, table))


def _turns_by_rows(trace: RevisionTrace, index: int, table: str) -> bool:
    """Return whether a statement is in a loop, and a SELECT before it read the table."""
    earlier = trace.upgrade[:index]
    return trace.upgrade[index].count > 1 and any(
        _SELECT.match(statement.sql) and table in {*statement.scanned, *statement.locks} for statement in earlier
    )


def _names_key(trace: RevisionTrace, statement: StatementTrace, table: str) -> bool:
    """Return whether the text of a statement names all columns of a unique key of a table."""
    words = set(re.findall(r"\w+", statement.sql))
    indexes = (attributes(trace.before, "index", name) for name in names_of(trace.before, "index"))
    keys = (
        key_columns(str(index["definition"]))
        for index in indexes
        if index["table"] == table and index["predicate"] is None and _UNIQUE.match(str(index["definition"]))
    )
    return any({column.strip('"') for column in key} <= words for key in keys)


def _names(statement: StatementTrace, table: str) -> bool:
    """Return whether a statement writes a table itself, and not through a foreign key or a trigger."""
    return table in statement.used_within or mention(table, re.IGNORECASE).search(statement.sql) is not None


# Literals, and parameters as SQLAlchemy and the drivers write them.
_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+\b|%\(\w+\)s|%s|\$\d+|(?<!:):\w+")
_UNIQUE = re.compile("CREATE UNIQUE INDEX ")
_SELECT = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
# A batch, and a parameter with a list of values.
_BOUNDED = re.compile(r"\b(LIMIT|FETCH\s+(FIRST|NEXT)|(ANY|unnest)\s*\(\s*(%|\$\d|:\w))", re.IGNORECASE)
