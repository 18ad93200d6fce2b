"""A revision whose downgrade failed on the usual rows runs again on rows without documents and bytes, or on none."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from adapter.outbound.migration.trial import other_rows
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.refused_rows import BELIEVED
from adapter.outbound.migration.trial.states import KnownState, TrialDatabases
from adapter.outbound.migration.trial.up_and_down import UpAndDown
from domain.migration.trace import RevisionTrace


def undone_on_other_rows(run: UpAndDown, states: TrialDatabases, trace: RevisionTrace) -> RevisionTrace:
    """Run a revision again on other rows when its downgrade could not read made-up ones, such as encrypted bytes.

    Args:
        run: Runs the revision.
        states: The databases of its trial.
        trace: The trace on the usual rows.

    Returns:
        The trace on the first rows on which the downgrade succeeds, with its error on the usual rows; else the one on
        the usual rows.
    """
    if not _may_be_of_rows(trace):
        return trace
    databases, entry = run.databases, run.entry
    makers: list[Callable[[], Database]] = [
        partial(other_rows.without_documents, databases, entry),
        partial(other_rows.without_rows, databases, entry),
    ]
    for make in makers:
        with suppress(CannotBuildError):
            base = make()
            with base.tried() as keep:
                outcome = run(base, KnownState(trace.before), copies=True, keeps=True)
                if outcome.trace.after is not None and outcome.trace.downgrade_error is None:
                    states.move_to_matching(keep(), outcome.after)
                    return replace(outcome.trace, undo_refused_rows=trace.downgrade_error or "")
                outcome.end()
    return trace


def _may_be_of_rows(trace: RevisionTrace) -> bool:
    """Return whether a library failed in the downgrade, and neither a statement nor the code of the project."""
    return (
        trace.downgrade_error is not None
        and trace.downgrade_raised is False
        and trace.downgrade_error_type not in BELIEVED | {None, "NotImplementedError"}
        and not any(statement.error for statement in trace.downgrade or ())
    )
