"""A materialized view cannot be read while its rows are computed.

REFRESH MATERIALIZED VIEW holds ACCESS EXCLUSIVE on the view while it runs the view's query. All readers of the view
wait. A DROP with a CREATE in the same transaction blocks them as long: its lock lasts until the new view is filled and
the transaction has ended. The safe way to refresh needs a unique index on the view, and lets readers go on:

    op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")

To change the definition, create and fill a new view beside the old one, and rename both in a transaction of its own.
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.refreshed_view import RefreshedView
from domain.migration.index_definition import key_columns
from domain.migration.names import bare, folded, split
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "blocking-refresh"
SEVERITY = Severity.ERROR
BLOCKS = True
_SETUP = f"""{USERS}
CREATE MATERIALIZED VIEW names AS SELECT name, count(*) AS users FROM users GROUP BY name;
CREATE UNIQUE INDEX ix_names ON names (name);
"""  # noqa: S608 - constants only
BAD = Example(_SETUP, 'op.execute("REFRESH MATERIALIZED VIEW names")', "pass")
GOOD = Example(_SETUP, 'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY names")', "pass")

_VIEW = re.compile(r'\s*(?P<name>(?:(?:"(?:[^"]|"")+"|\w+)\.)?(?:"(?:[^"]|"")+"|\w+))\s*;?\s*$')


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report materialized views that are filled under a lock that blocks readers."""
    advice = (
        "Refresh the view CONCURRENTLY, which needs a unique index, or fill a new view beside the old one and rename "
        "both. Then no reader waits."
    )
    return work_diagnostics(trace, statistics, Cause.VIEW, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    text = trace.upgrade[item.work.statement].sql
    head = "REFRESH MATERIALIZED VIEW "
    if not text.upper().startswith(head):
        return None
    view = _VIEW.match(text[len(head) :])
    if view is None or not _has_key(trace, view["name"]):
        return None
    return RefreshedView(text[len(head) :]).expand.fix


def _has_key(trace: RevisionTrace, view: str) -> bool:
    """Return whether a view has the index that CONCURRENTLY requires: unique, over all rows, on columns only."""
    indexes = (attributes(trace.before, "index", name) for name in names_of(trace.before, "index"))
    return any(
        _is_called(str(index["table"]), view)
        and index.get("unique")
        and index.get("predicate") is None
        and not any("(" in key for key in key_columns(str(index["definition"])))
        for index in indexes
    )


def _is_called(table: str, name: str) -> bool:
    """Return whether a name in SQL, with or without a schema, may be that of a table or view."""
    schema = split(name)[0]
    return folded(name) == bare(table) and (not schema or folded(schema) == bare(split(table)[0]))
