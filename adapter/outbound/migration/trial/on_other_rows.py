"""A revision that failed on the usual rows runs again on other rows."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.trial import other_rows
from adapter.outbound.migration.trial.accepted_rows import with_accepted_rows
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.refused_rows import BELIEVED, MAYBE_OF_ROWS, unreadable
from adapter.outbound.migration.trial.states import KnownState, TrialDatabases
from adapter.outbound.migration.trial.up_and_down import Outcome, UpAndDown
from domain.migration.analysis.refusal import raises
from domain.migration.trace import RevisionTrace


def run_on_other_rows(run: UpAndDown, states: TrialDatabases, failed: Outcome) -> Outcome:
    """Run a revision again on other rows, because it failed on the generated ones.

    Args:
        run: Runs the revision.
        states: The databases of its trial; the last one that was tried becomes the one before.
        failed: The outcome on the usual rows.

    Returns:
        The outcome on the first rows that the revision accepts, or the failed one with the cause of the failure.
    """
    for base in _databases_with_other_rows(run, failed):
        states.move_aside(base)
        outcome = run(base, KnownState(failed.trace.before))
        if not run.keeps:
            states.before = None
        if outcome.trace.after is not None:
            return replace(outcome, trace=replace(outcome.trace, refused_rows=failed.trace.refused_rows))
    if any(statement.error for statement in failed.trace.upgrade):
        return Outcome(_continued_after_errors(run, _with_failure_cause(run, states, failed.trace)))
    return _run_without_rows(run, states, failed.trace)


def _run_without_rows(run: UpAndDown, states: TrialDatabases, failed: RevisionTrace) -> Outcome:
    """Run a revision again on empty tables, because its Python code fails on all generated rows.

    When it fails there too, the rows are not the cause. When it succeeds, the exception says what is wrong: a
    `raise` or `assert` in the revision rejects such rows on purpose, any other exception means that the generated
    rows are unrealistic.
    """
    with suppress(CannotBuildError):
        base = other_rows.without_rows(run.databases, run.entry)
        states.move_aside(base)
        outcome = run(base)
        if not run.keeps:
            states.before = None
        if outcome.trace.after is not None:
            message = failed.error or failed.refused_rows
            refused, rows_error = ("", message) if raises(failed.source, message, failed.path) else (message, "")
            return replace(outcome, trace=replace(outcome.trace, refused_rows=refused, rows_error=rows_error))
    return Outcome(replace(failed, refused_rows=""))


def _with_failure_cause(run: UpAndDown, states: TrialDatabases, failed: RevisionTrace) -> RevisionTrace:
    """Return the failed trace, which records the rows as the cause when the revision succeeds without them.

    Only failures whose SQLSTATE leaves the cause open are tried without rows.
    """
    sqlstate = next(statement.sqlstate or "" for statement in failed.upgrade if statement.error)
    if sqlstate[:2] in MAYBE_OF_ROWS and _trace_without_rows(run, states) is not None:
        return replace(failed, refused_rows="", rows_error=failed.refused_rows)
    return replace(failed, refused_rows="")


def _trace_without_rows(run: UpAndDown, states: TrialDatabases) -> RevisionTrace | None:
    """Return the trace on empty tables; None when the revision fails there, or cannot be run there."""
    with suppress(CannotBuildError), other_rows.without_rows(run.databases, run.entry) as base:
        trace = run(base, copies=False).trace
        if not run.keeps:
            states.move_aside(None)
        return trace if trace.after is not None else None
    return None


def _continued_after_errors(run: UpAndDown, failed: RevisionTrace) -> RevisionTrace:
    """Run a revision that fails on rows once more, and continue after each failing statement.

    The trace then also has the statements behind the first error, but for the one that stops the upgrade because it
    needs what was rolled back.
    """
    if all(statement.transaction is None for statement in failed.upgrade if statement.error):
        return failed
    with run.databases.at(run.entry.parents) as base:
        result = base.run(Command.UPGRADE, run.entry.revision, trace=True, goes_on=True)
        statements = result.run_of(run.entry.revision, "upgrade").statements
        after = base.snapshot() if result.error is None else None
    if after is None and _runs_without_rows(run):
        statements = statements[:-1]
    if len(statements) <= len(failed.upgrade):
        return failed
    return replace(failed, upgrade=statements, after=after, went_on=True)


def _runs_without_rows(run: UpAndDown) -> bool:
    with suppress(CannotBuildError), other_rows.without_rows(run.databases, run.entry) as base:
        return base.run(Command.UPGRADE, run.entry.revision).error is None
    return False


def _databases_with_other_rows(run: UpAndDown, failed: Outcome) -> Iterator[Database]:
    """Create databases with rows that the revision may accept, the most likely ones first.

    When Python code of the revision rejects the rows, databases without JSON and bytes are still tried: only the
    application knows what these contain. An exception that is neither raised by an author nor a mistake in the code
    (see `BELIEVED`) also leads to a try without values at the edges of their types, such as a text with braces that
    `format` takes for a name, and to one without rows.

    Yields:
        A database at the revision's parents.
    """
    databases, entry = run.databases, run.entry
    unreadable_type = unreadable(failed.trace.refused_rows)
    is_of_statement = any(statement.error for statement in failed.trace.upgrade)
    may_be_of_rows = failed.exception_type not in BELIEVED and not is_of_statement
    makers: list[Callable[[], Database]] = []
    if unreadable_type:
        makers.append(partial(databases.at, entry.parents, unreadable_type))
    if is_of_statement:
        makers.append(partial(with_accepted_rows, databases, entry, failed.trace))
    if unreadable_type or is_of_statement:
        makers.append(partial(other_rows.fitting, databases, entry))
    if unreadable_type or is_of_statement or may_be_of_rows:
        makers.append(partial(other_rows.with_usual_rows, databases, entry))
        makers.append(partial(other_rows.with_parents, databases, entry))
    makers.append(partial(other_rows.without_documents, databases, entry))
    if may_be_of_rows:
        makers.append(partial(other_rows.without_rows, databases, entry))
    for make in makers:
        with suppress(CannotBuildError):
            yield make()
