"""The trace of a revision: one run on the usual rows, and further runs where these rows show too little."""

from collections.abc import Collection
from dataclasses import replace

from adapter.outbound.migration.trial.batch_sizes import may_be_one_batch
from adapter.outbound.migration.trial.fresh import fails_fresh
from adapter.outbound.migration.trial.on_matching_rows import OnMatchingRows
from adapter.outbound.migration.trial.on_other_rows import run_on_other_rows
from adapter.outbound.migration.trial.states import KnownState, TrialDatabases
from adapter.outbound.migration.trial.table_facts import rows_of
from adapter.outbound.migration.trial.undo_on_other_rows import undone_on_other_rows
from adapter.outbound.migration.trial.up_and_down import UpAndDown
from adapter.outbound.migration.trial.zones import in_another_zone
from domain.migration.trace import RevisionTrace, SmallerRun

_ROWS_FACTOR = 10  # times as many rows: a batch keeps its size there, a statement on a whole table does not


def trace_revision(run: UpAndDown, states: TrialDatabases, known: KnownState) -> RevisionTrace:
    """Run a revision up and down, and again where the usual rows show too little, and return its trace.

    A statement that commits on its own and wrote most of a table may be a batch that is larger than so small a
    table. The revision then runs again on more rows, where a batch writes only a part of the table.

    Args:
        run: Runs the revision.
        states: The databases of its trial, with the one before.
        known: What is known of that database.
    """
    trace = _trace_on_usual_or_other_rows(run, states, known)
    states.schema = trace.after
    batch_tables = may_be_one_batch(trace)
    if batch_tables:
        smaller = SmallerRun(rows_of(trace.tables), trace.upgrade)
        trace = replace(_trace_on_more_rows(run, states, batch_tables), smaller=smaller)
    return replace(
        trace,
        other_zone=in_another_zone(run.databases, run.entry, trace),
        fails_fresh=fails_fresh(run.databases, run.entry, trace),
    )


def _trace_on_usual_or_other_rows(run: UpAndDown, states: TrialDatabases, known: KnownState) -> RevisionTrace:
    assert states.before is not None  # noqa: S101 - a trial begins with it
    outcome = run(states.before, known)
    if not run.keeps:
        states.before = None
    states.after, trace = outcome.after, outcome.trace
    states.refused = trace.after is None
    if trace.after is not None and run.databases.project.rows_from is None:
        trace = undone_on_other_rows(run, states, trace)
    if trace.after is not None:
        on_matching_rows = OnMatchingRows(run, states)
        return on_matching_rows.compare(on_matching_rows.find(trace))
    # rows that the user provided are evidence: the revision is not retried on other rows
    if trace.refused_rows and run.databases.project.rows_from is None:
        outcome = run_on_other_rows(run, states, outcome)
        states.after = outcome.after
    return outcome.trace


def _trace_on_more_rows(run: UpAndDown, states: TrialDatabases, tables: Collection[str]) -> RevisionTrace:
    """Run a revision on a separate database with `_ROWS_FACTOR` times as many rows in some tables."""
    databases, rows = run.databases, run.databases.project.rows * _ROWS_FACTOR
    if states.before is not None:
        larger = databases.rows.grown(states.before, rows, tables)
    else:
        with databases.at(run.entry.parents, at_once=True) as base:
            larger = databases.rows.grown(base, rows, tables)
    with larger:
        return run(larger, copies=False).trace
