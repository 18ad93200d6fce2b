"""A revision whose statements found no rows, or none with values that they compare with, runs again on such rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.matches import is_in, is_write, refused_matches, statement_key, with_refusal
from adapter.outbound.migration.trial.refuted import is_refuted
from adapter.outbound.migration.trial.states import KnownState, TrialDatabases
from adapter.outbound.migration.trial.up_and_down import Outcome, UpAndDown
from domain.migration.data_difference import DataChangeKind
from domain.migration.trace import RevisionTrace, StatementTrace

_MATCHING_ROUNDS = 2  # an UPDATE may look for rows that appear only after the SELECT before it has found some
_MOST_SINGLE_STATEMENTS = 5  # that get matching rows of their own, when rows for all of them at once do not work


@dataclass(frozen=True)
class OnMatchingRows:
    """Runs a revision on rows that were made for its statements.

    Attributes:
        run: Runs the revision.
        states: The databases of its trial; the next revision starts on one without these rows, so that its verdict
            does not depend on this one.
    """

    run: UpAndDown
    states: TrialDatabases

    def find(self, trace: RevisionTrace) -> RevisionTrace:
        """Run the revision again with rows that its statements look for, when some statements found none.

        A statement that finds such rows may be followed by another one that looks for further rows. These are made in
        the next round. When the revision fails on the added rows, or no longer does what it did without them, the
        original trace stays and records the reason.

        Args:
            trace: The trace on the usual rows.

        Returns:
            The trace with the most statements at work.
        """
        trace = replace(trace, unmatchable=self._unmatchable(trace))
        tried: list[StatementTrace] = []
        refusal_reasons: dict[str, str] = {}
        for _ in range(_MATCHING_ROUNDS):
            idle_statements = [
                statement
                for statement in trace.upgrade
                if statement.sought and statement.sql not in trace.unmatchable and not is_in(statement, tried)
            ]
            if not idle_statements or not self.run.databases.project.rows:
                break
            tried += idle_statements
            for statements in _together_and_alone(idle_statements):
                new_trace, reason, _ = self._run_for(trace, statements)
                trace = trace if new_trace is None else replace(new_trace, unmatchable=trace.unmatchable)
                if new_trace is not None and statements is idle_statements:
                    break
                if len(statements) == 1:
                    trace, refusal_reasons = with_refusal(trace, statements[0], reason, refusal_reasons)
        working = (statement for statement in trace.upgrade if not statement.sought)
        matched = [
            statement.sql
            for statement in working
            if any(map(is_write, (idle for idle in tried if statement_key(idle) == statement_key(statement))))
        ]
        return replace(trace, matched=tuple(matched), refused_matches=refusal_reasons)

    def _unmatchable(self, trace: RevisionTrace) -> tuple[str, ...]:
        """Return the texts of the idle statements of an upgrade that find no row in any database."""
        never = [statement.sql for statement in trace.upgrade if statement.never]
        idle = [index for index, statement in enumerate(trace.upgrade) if statement.sought]
        if idle and self.run.databases.project.rows:
            databases = self.run.databases
            before = self.states.before = self.states.before or databases.at(self.run.entry.parents)
            never += [trace.upgrade[index].sql for index in idle if is_refuted(before.session(), trace, index)]
        return tuple(dict.fromkeys(never))

    def compare(self, trace: RevisionTrace) -> RevisionTrace:
        """Run the revision again with rows that have the values which its UPDATEs and DELETEs compare with.

        A row that had such a value before shows whether the downgrade tells it from those that the upgrade has changed
        or inserted. When the revision refuses these rows, nothing is concluded from them.

        Args:
            trace: The trace so far.

        Returns:
            The trace on the most rows.
        """
        if not self.run.databases.project.rows or trace.downgrade_error is not None:
            return trace
        # The upgrade looks for values that there are. Whether those that the downgrade looks for were there before, as
        # the upgrade's own are behind it, only the target knows, and so it is with what is within other values.
        upgrade = [statement for statement in trace.upgrade if not _only_deletes(statement)]
        trace = self._compare_for(trace, upgrade)
        known = _losses(trace) - _losses(trace, of={DataChangeKind.NO_OBJECTS_CHANGED})
        trace = self._compare_for(trace, (*upgrade, *_with_searches(trace.downgrade or ())), within=True)
        return replace(trace, merged=_losses(trace) - known)

    def _compare_for(
        self, trace: RevisionTrace, changes: Sequence[StatementTrace], *, within: bool = False
    ) -> RevisionTrace:
        """Run the revision again with rows for all values that some statements compare with, or for those of one.

        Args:
            trace: The trace so far.
            changes: The statements, which update or delete.
            within: Whether also for values that have a literal of an UPDATE within them, such as a key of an object.
        """
        comparing = [statement for statement in changes if statement.compared]
        unmade: dict[str, str] = {}
        for statements in _together_and_alone(comparing) if comparing else ():
            new_trace, reason, unmade_here = self._run_for(trace, statements, compared=True, within=within)
            unmade.update(unmade_here)
            if new_trace is not None:
                trace = replace(
                    new_trace,
                    matched=trace.matched,
                    unmatchable=trace.unmatchable,
                    refused_matches=trace.refused_matches,
                )
            if statements is comparing and not reason:
                break
        return replace(trace, unmade_matches=unmade)

    def _run_for(
        self,
        idle_trace: RevisionTrace,
        statements: Sequence[StatementTrace],
        *,
        compared: bool = False,
        within: bool = False,
    ) -> tuple[RevisionTrace | None, str, Mapping[str, str]]:
        """Run the revision on a database with rows that some statements look for.

        Args:
            idle_trace: The trace on the usual rows.
            statements: The statements that found no rows.
            compared: Make rows for the values that the statements compare with, where no row has them.
            within: As in `RowMaker.with_compared`.

        Returns:
            The trace, None when it cannot replace the one on the usual rows; the reason for that, empty when no such
            rows can be made; and the conditions for which nobody knows values, by table.
        """
        databases = self.run.databases
        before = self.states.before = self.states.before or databases.at(self.run.entry.parents)
        rows = databases.rows
        make = partial(rows.with_compared, within=within) if compared else rows.matching
        base, unmade = make(before, statements)
        if base is None:
            return None, "", unmade
        outcome = self.run(base, KnownState(idle_trace.before), keeps=True)
        if outcome.trace.after is None and outcome.trace.refused_rows:
            base, outcome = self._without_edges(base, outcome, make(before, statements, edges=False).database)
        trace = outcome.trace
        reason = refused_matches(idle_trace, trace) or (trace.downgrade_error if compared else None)
        with base.tried() as keep:
            if reason:
                outcome.end()
                return None, reason, unmade
            self.states.move_to_matching(keep(), outcome.after)
        return replace(trace, refused_rows=trace.refused_rows or idle_trace.refused_rows), "", unmade

    def _without_edges(self, base: Database, failed: Outcome, usual: Database | None) -> tuple[Database, Outcome]:
        """Run the revision, which failed on matching rows, on matching rows without values at the edges of types.

        Args:
            base: The database on which it failed.
            failed: The outcome there.
            usual: A database with matching rows that have no such values; None where none can be made.

        Returns:
            The database and the outcome; those of the failed run where this one fails as well.
        """
        if usual is None:
            return base, failed
        with usual.tried() as keep_usual, base.tried() as keep_base:
            outcome = self.run(usual, KnownState(failed.trace.before), keeps=True)
            if outcome.trace.after is None:
                return keep_base(), failed
            trace = replace(outcome.trace, refused_rows=failed.trace.refused_rows)
            return keep_usual(), replace(outcome, trace=trace)


def _together_and_alone(statements: Sequence[StatementTrace]) -> list[Sequence[StatementTrace]]:
    """Return all statements, and then each alone: when rows for all do not work, rows for a single one may."""
    singles = [[statement] for statement in statements[:_MOST_SINGLE_STATEMENTS]] if len(statements) > 1 else []
    return [statements, *singles]


def _with_searches(downgrade: Sequence[StatementTrace]) -> list[StatementTrace]:
    """Return the statements of a downgrade, where those that only read compare as well, if others write what they find.

    Code in Python often looks for rows by a condition, and changes each of them by its key.
    """
    if not any(counts.updated or counts.deleted for statement in downgrade for counts in statement.rows.values()):
        return list(downgrade)
    return [replace(item, compared=item.compared or ((item.searched,) if item.searched else ())) for item in downgrade]


def _only_deletes(statement: StatementTrace) -> bool:
    """Return whether a statement deletes rows and updates none, so that it gives no row a value of another."""
    return bool(statement.compared) and all('"Operation": "Delete"' in plan for plan in statement.compared)


def _losses(trace: RevisionTrace, of: Collection[DataChangeKind] = frozenset(DataChangeKind)) -> frozenset[str]:
    changes = trace.undone.losses if trace.undone else ()
    return frozenset(change.subject for change in changes if change.kind in of)
