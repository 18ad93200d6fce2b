"""The causes of work under a lock: one rule explains each, and reports the work with its own advice."""

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from itertools import groupby

from domain.migration.analysis.changes import constraint_of, vector_type_changes
from domain.migration.analysis.impact import BlockedWork, Work, WorkKind, blocked_work
from domain.migration.analysis.wording import activity, label, waiting
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

Fix = Callable[[RevisionTrace, BlockedWork], str | None]


class Cause(Enum):
    """The cause of work on a table; one rule explains each."""

    REWRITE = auto()
    VECTOR_TYPE = auto()
    INDEX_BUILD = auto()
    CONSTRAINT = auto()
    VALIDATION = auto()
    NOT_NULL = auto()
    PARTITION = auto()
    VIEW = auto()
    DATA = auto()
    OTHER = auto()


def cause_of(trace: RevisionTrace, work: Work) -> Cause:
    """Return the cause of work, from measurements where there are any, otherwise from the text of the statement."""
    statement = trace.upgrade[work.statement]
    if work.kind is WorkKind.REWRITE:
        return Cause.VECTOR_TYPE if vector_type_changes(trace, work.table) else Cause.REWRITE
    if work.kind is WorkKind.INDEX:
        return Cause.CONSTRAINT if any(constraint_of(trace, name) for name in work.indexes) else Cause.INDEX_BUILD
    if work.kind is WorkKind.SAMPLE:
        return Cause.OTHER
    if work.kind in {WorkKind.WRITE, WorkKind.LOCK, WorkKind.INSERT} or not is_ddl(statement):
        return Cause.DATA
    return _scan_cause(statement.sql)


def is_ddl(statement: StatementTrace) -> bool:
    """Return whether a statement changes the schema."""
    return bool(statement.created or statement.altered or statement.dropped) or _DDL.match(statement.sql) is not None


def work_diagnostics(
    trace: RevisionTrace, statistics: Statistics, cause: Cause, code: str, advice: str, *, fix: Fix | None = None
) -> Iterator[Diagnostic]:
    """Return a diagnostic for each statement that does work under a blocking lock for one cause.

    Args:
        trace: Trace of the revision.
        statistics: Statistics of the target.
        cause: Cause that the rule explains.
        code: Code of the rule.
        advice: Help text of the diagnostics.
        fix: Function that returns the suggested fix; None for none.
    """
    items = [item for item in blocked_work(trace, statistics) if cause_of(trace, item.work) is cause]
    for statement, group in groupby(items, key=lambda item: item.work.statement):
        blocked = list(group)
        work_text = activity([item.work for item in blocked])
        yield Diagnostic(
            code=code,
            severity=Severity.ERROR,
            statement=statement,
            relation=blocked[0].work.table,
            message=f"{label(trace, statement)} {work_text}, while {waiting(blocked[0].windows, statement)}.",
            help=advice,
            fix=fix(trace, blocked[0]) if fix else None,
        )


def _scan_cause(text: str) -> Cause:
    for pattern, cause in _SCANS:
        if pattern.search(text):
            return cause
    return Cause.OTHER


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_DDL = _pattern(r"\s*(ALTER|CREATE|DROP|TRUNCATE|REINDEX|CLUSTER|VACUUM|REFRESH|LOCK|COMMENT|GRANT|REVOKE)\b")
_SCANS = (
    (_pattern(r"\bALTER\s+DOMAIN\b"), Cause.OTHER),
    (_pattern(r"^\s*(REFRESH|CREATE)\s+MATERIALIZED\s+VIEW\b"), Cause.VIEW),
    (_pattern(r"\bPARTITION\b"), Cause.PARTITION),
    (_pattern(r"\bVALIDATE\s+CONSTRAINT\b"), Cause.VALIDATION),
    (_pattern(r"\bPRIMARY\s+KEY\b"), Cause.CONSTRAINT),
    (_pattern(r"\bSET\s+NOT\s+NULL\b"), Cause.NOT_NULL),
    (_pattern(r"\b(CHECK|REFERENCES|UNIQUE|EXCLUDE|CONSTRAINT)\b"), Cause.CONSTRAINT),
)
