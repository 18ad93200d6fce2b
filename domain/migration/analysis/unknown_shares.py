"""UPDATEs and DELETEs of which only the target knows how many rows they reach."""

import re
from collections.abc import Iterator

from domain.migration.analysis.heavy_writes import commits_within
from domain.migration.analysis.impact import emptied_before, is_big, unbatched_writes
from domain.migration.names import bare
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace


def unknown_shares(trace: RevisionTrace, statistics: Statistics) -> Iterator[tuple[int, str]]:
    """Return the statements that write in one transaction an unknown share of a big table.

    The values of made-up rows are spread by chance. A condition that more rows meet than it names values is met by any
    number of rows at the target: by one in five here, and perhaps by nearly all there.

    Returns:
        Index of the statement and name of the table.
    """
    heavy = {(work.statement, work.table) for work in unbatched_writes(trace, statistics)}
    for index, statement in enumerate(trace.upgrade):
        if commits_within(statement) or _BOUNDED.search(statement.sql):
            continue
        for table, counts in statement.rows.items():
            most = max(1, len(_VALUE.findall(statement.sql)))
            most *= 1 if _turns_by_rows(trace, index, table) else statement.count
            if (
                counts.updated + counts.deleted > most
                and (index, table) not in heavy
                and table in trace.tables
                and table not in emptied_before(trace, index)
                and _names(statement, table)
                and is_big(trace, statistics, table)
            ):
                yield index, table


def _turns_by_rows(trace: RevisionTrace, index: int, table: str) -> bool:
    """Return whether a statement is in a loop, and a SELECT before it read the table."""
    earlier = trace.upgrade[:index]
    return trace.upgrade[index].count > 1 and any(
        _SELECT.match(statement.sql) and table in {*statement.scanned, *statement.locks} for statement in earlier
    )


def _names(statement: StatementTrace, table: str) -> bool:
    """Return whether a statement writes a table itself, and not through a foreign key or a trigger."""
    name = re.escape(bare(table).strip('"'))
    return (
        table in statement.used_within or re.search(rf"(?<!\w){name}(?!\w)", statement.sql, re.IGNORECASE) is not None
    )


# Literals, and parameters as SQLAlchemy and the drivers write them.
_VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+\b|%\(\w+\)s|%s|\$\d+|(?<!:):\w+")
_SELECT = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
# A batch, and a parameter with a list of values.
_BOUNDED = re.compile(r"\b(LIMIT|FETCH\s+(FIRST|NEXT)|(ANY|unnest)\s*\(\s*(%|\$\d|:\w))", re.IGNORECASE)
