"""The analysis as JSON, schema `hexalembic.analysis/1`: a contract with the programs that read it.

schema        "hexalembic.analysis/1"
postgres      server version of the sandbox, such as "18.6"
pgvector      its version in the sandbox, or null
unjudged      number of revisions in the range up to `start_after`, which are not judged
not_judged    number of revisions in the range that could not be run, because an earlier one fails
revisions     in the order in which they run, each with
  revision, down_revision, path, message
  phase       "expand" | "migrate" | "contract"
  verdict     "safe" | "unsafe" | "not judged"; `reasons`: the codes that make it unsafe; `not_run`: why it could not be
              run, or null
  changes     {category: {added, changed, removed}}: names of the catalog objects that differ
  strategy    {migration, index, rollback, why}
  locks       strongest lock mode of the upgrade on each existing table, without ACCESS SHARE
  rewritten   existing tables that were rewritten
  predicted_seconds, observed_seconds   predicted [low, high] of the upgrade at the target, and the time that a
              deployment took; each may be null
  not_read    foreign tables, which the sandbox neither fills nor reads
  unread      {table: reason}: tables whose rows could not be read and were not compared
  unfilled    {table: reason}: tables that got fewer rows than requested
  upgrade, downgrade   {statements, error}; downgrade is null when it was not run. Each statement has:
    sql, line, operation   its text, its line in the revision's file, and its Alembic operation, if any
    transaction            number of its transaction in the run, from 1; null when it committed by itself
    locks                  {relation: mode}: the locks that it took on existing relations, ACCESS SHARE included
    rewritten, indexes_built, scanned {table: rows read}, rows_written {table: rows}
    rows_locked            {table: rows}: rows locked by a SELECT … FOR UPDATE
    wal_bytes, duration_ms, lock_timeout (in effect), error
    count, transactions    how many times it ran in a row, and in how many transactions; the figures are sums
  windows     each lock with the first and the last statement during which it is held, counted from 1; it is released at
              the end of the last. `held_ms` is the time in the sandbox. `estimate_seconds` is [low, high] at the
              target's size, or null where nothing was measured. `measured_rows` {table: [rows…]} has the table sizes at
              which the deciding work was measured
  diagnostics {code, severity, statement, relation, message, help, fix, suppressed}
"""

import json
from collections.abc import Mapping
from typing import Any

from adapter.outbound.migration.report.diagnostic_fields import fields
from adapter.outbound.migration.report.summary import not_judged_in
from adapter.outbound.postgres.redaction import redact
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.lock_windows import LockWindow
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.diagnostic import Diagnostic
from domain.migration.trace import StatementTrace

SCHEMA = "hexalembic.analysis/1"


def render(report: AnalysisReport) -> str:
    """Return a report as JSON, indented by two spaces."""
    return json.dumps(redact(as_data(report)), indent=2, ensure_ascii=False)


def as_data(report: AnalysisReport) -> dict[str, Any]:
    """Return a report as plain data."""
    return {
        "schema": SCHEMA,
        "postgres": report.postgres,
        "pgvector": report.pgvector,
        "unjudged": report.unjudged,
        "not_judged": not_judged_in(report),
        "revisions": [_revision(analysis) for analysis in report.revisions],
    }


def _revision(analysis: RevisionAnalysis) -> dict[str, Any]:
    trace = analysis.trace
    return {
        "revision": trace.revision,
        "down_revision": list(trace.down_revision),
        "path": trace.path,
        "message": trace.message,
        "phase": analysis.phase.value,
        "verdict": analysis.verdict,
        "not_run": analysis.trace.not_run or None,
        "reasons": list(analysis.reasons),
        "changes": {
            category: {"added": names.added, "changed": names.changed, "removed": names.removed}
            for category, names in analysis.changes.items()
        },
        "strategy": {
            "migration": analysis.strategy.migration.value,
            "index": analysis.strategy.index.value,
            "rollback": analysis.strategy.rollback.value,
            "why": list(analysis.strategy.why),
        },
        "locks": {relation: mode.sql for relation, mode in trace.locks.items()},
        "rewritten": trace.rewritten,
        "not_read": list(trace.foreign_tables),
        "unread": dict(trace.unread),
        "unfilled": dict(trace.unfilled),
        "predicted_seconds": analysis.predicted_seconds,
        "observed_seconds": analysis.observed_seconds,
        "upgrade": {"statements": [_statement(statement) for statement in trace.upgrade], "error": trace.error},
        "downgrade": None
        if trace.downgrade is None
        else {"statements": [_statement(statement) for statement in trace.downgrade], "error": trace.downgrade_error},
        "windows": [
            _window(analysis, window, measured)
            for window, measured in zip(analysis.windows, analysis.measured, strict=True)
        ],
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in analysis.diagnostics],
    }


def _statement(statement: StatementTrace) -> dict[str, Any]:
    return {
        "sql": statement.sql,
        "line": statement.line,
        "operation": statement.operation,
        "transaction": statement.transaction,
        "locks": {relation: mode.sql for relation, mode in sorted(statement.locks.items())},
        "rewritten": list(statement.rewritten),
        "indexes_built": list(statement.indexes_built),
        "scanned": dict(statement.scanned),
        "rows_written": {table: rows.total for table, rows in statement.rows.items()},
        "rows_locked": dict(statement.locked),
        "wal_bytes": statement.wal_bytes,
        "duration_ms": round(statement.duration_ms, 3),
        "lock_timeout": statement.lock_timeout,
        "count": statement.count,
        "transactions": statement.transactions,
        "error": statement.error,
    }


def _window(analysis: RevisionAnalysis, window: LockWindow, measured: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    statements = analysis.trace.upgrade[window.from_statement : window.to_statement + 1]
    held_ms = sum(statement.duration_ms for statement in statements)
    return {
        "relation": window.relation,
        "mode": window.mode.sql,
        "blocks_reads": window.blocks_reads,
        "blocks_writes": window.blocks_writes,
        "from_statement": window.from_statement + 1,
        "to_statement": window.to_statement + 1,
        "estimate_seconds": window.estimate_seconds and [round(seconds, 6) for seconds in window.estimate_seconds],
        "held_ms": round(held_ms, 3),
        "measured_rows": {table: list(rows) for table, rows in measured.items()},
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        **fields(diagnostic),
        "statement": None if diagnostic.statement is None else diagnostic.statement + 1,
        "suppressed": diagnostic.suppressed_reason,
    }
