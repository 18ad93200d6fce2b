"""Runs the revisions of a project in a sandbox and records what Postgres reported about them.

Each revision runs on a database at its parents, with rows in every table (see `databases`). The downgrade runs on a
copy. The state before the upgrade can be kept until the next revision, because calibration and proofs run the upgrade
on it again.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from adapter.outbound.migration.catalog.sequences import next_transaction, sequences_behind
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.trial import other_rows
from adapter.outbound.migration.trial.batch_sizes import may_be_one_batch
from adapter.outbound.migration.trial.calibration import calibrate
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.joint_run import fails_together
from adapter.outbound.migration.trial.line import RevisionLine
from adapter.outbound.migration.trial.matches import is_in, is_write, refused_matches, statement_key, with_refusal
from adapter.outbound.migration.trial.refused_rows import BELIEVED, MAYBE_OF_ROWS, refused_rows, unreadable
from adapter.outbound.migration.trial.table_facts import read_table_facts, rows_of
from adapter.outbound.migration.trial.time_stamps import read_clock, stamped_columns
from adapter.outbound.migration.trial.zones import in_another_zone
from application.migration.ports import RevisionTracer, Versions
from domain.migration.analysis.refusal import raises
from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.digest import compare, unchanged
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import (
    CalibrationRun,
    RevisionTrace,
    SmallerRun,
    StatementTrace,
    TableFacts,
)

_ROWS_FACTOR = 10  # times as many rows: a batch keeps its size there, a statement on a whole table does not
_MATCHING_ROUNDS = 2  # an UPDATE may look for rows that appear only after the SELECT before it has found some
_QUERY_WORDS = re.compile(r"\b(update|delete|select|insert|merge|query|session|scalars?)\b", re.IGNORECASE)
_MOST_SINGLE_STATEMENTS = 5  # that get matching rows of their own, when rows for all of them at once do not work


class SandboxRevisionTracer(RevisionTracer):
    """A tracer that runs the revisions of a project in a sandbox."""

    def __init__(self, databases: RevisionDatabases, *, keeps_before: bool = False) -> None:
        """Create a tracer.

        Args:
            databases: Makes the databases that the revisions run on.
            keeps_before: Keep the state before each upgrade until the next revision, so that the upgrade can be
                calibrated or proved. This costs one more copy of the database for each revision.
        """
        self._databases = databases
        self._keeps_before = keeps_before
        self._line = RevisionLine(databases)
        self._schema: SchemaSnapshot | None = None
        self._pgvector: str | None = None
        self._exception_type = ""  # class of the exception that the last failed upgrade raised

    def history(self) -> History:
        """Return the history of the project.

        Raises:
            MigrationError: The revisions cannot be read; the message names the file and the line.
        """
        return self._databases.history()

    def versions(self) -> Versions:
        """Return the versions of Postgres and pgvector that the revisions ran on."""
        version = self._databases.sandbox.server_version
        return Versions(f"{version // 10_000}.{version % 10_000}", self._pgvector)

    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """Run one revision up and down on a database at its parents with rows in every table.

        A statement that commits on its own and wrote most of a table may be a batch that is larger than so small a
        table. The revision then runs again on more rows, where a batch writes only a part of the table.

        A failure of the revision raises nothing: it is recorded in the trace.

        Args:
            entry: The revision.
            goes_on: Whether other revisions may follow it. When none do, the downgrade needs no copy.
        """
        try:
            base, continues = self._line.move_to(entry)
        except CannotBuildError as error:
            return self._make_trace(entry, not_run=str(error).removeprefix("not run: "))
        trace, self._line.after = self._up_and_down(entry, base, self._schema if continues else None, copies=goes_on)
        self._line.refused = entry.revision if trace.after is None else None
        # rows that the user provided are evidence: the revision is not retried on other rows
        if trace.after is None and trace.refused_rows and self._databases.project.rows_from is None:
            trace, self._line.after = self._retry_on_other_rows(entry, trace, copies=goes_on)
        elif trace.after is not None:
            trace = self._retry_on_matching_rows(entry, trace, copies=goes_on)
            trace = self._retry_on_compared_rows(entry, trace, copies=goes_on)
        self._schema = trace.after
        batch_tables = may_be_one_batch(trace)
        if batch_tables:
            trace = replace(
                self._run_on_more_rows(entry, batch_tables), smaller=SmallerRun(rows_of(trace.tables), trace.upgrade)
            )
        return replace(trace, other_zone=in_another_zone(self._databases, entry, trace))

    def shared_transaction(self) -> SharedTransaction | None:
        """Return where the project's env.py makes all pending revisions share one transaction; None when it does not.

        This runs env.py on an empty database.
        """
        with self._databases.maker.create() as database:
            environment = database.run("env")
        if not environment.one_transaction:
            return None
        path, line = environment.configured_at or ("env.py", 0)
        return SharedTransaction(Path(path).name, line, begun_outside=environment.one_transaction == "external")

    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """Run revisions in one transaction, as the project does; see `joint_run`."""
        return fails_together(self._databases, entries)

    def calibrate(self, trace: RevisionTrace, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Run the upgrade that was traced last again, on tables of doubling size."""
        before = self._line.before
        if before is None or self._schema is None or not self._databases.project.rows:
            return ()
        return calibrate(self._databases, before, trace, tables)

    def close(self) -> None:
        """Save the last upgraded database as a template, so that the next analysis can start from it."""
        self._line.close()

    def _retry_on_other_rows(
        self, entry: HistoryEntry, failed: RevisionTrace, *, copies: bool
    ) -> tuple[RevisionTrace, Database | None]:
        """Run a revision again on other rows, because it failed on the generated ones.

        Args:
            entry: The revision.
            failed: Its trace on the usual rows.
            copies: As in `_up_and_down`.

        Returns:
            The trace on the first rows that the revision accepts, or the failed trace with the cause of the failure;
            and the upgraded database, None when the upgrade failed.
        """
        for base in self._databases_with_other_rows(entry, failed):
            self._line.move_aside(base)
            trace, after = self._up_and_down(entry, base, failed.before, copies=copies)
            if trace.after is not None:
                return replace(trace, refused_rows=failed.refused_rows), after
        if any(statement.error for statement in failed.upgrade):
            return self._continued_after_errors(entry, self._with_failure_cause(entry, failed)), None
        return self._retry_without_rows(entry, failed)

    def _retry_without_rows(self, entry: HistoryEntry, failed: RevisionTrace) -> tuple[RevisionTrace, Database | None]:
        """Run a revision again on empty tables, because its Python code fails on all generated rows.

        When it fails there too, the rows are not the cause. When it succeeds, the exception says what is wrong: a
        `raise` or `assert` in the revision rejects such rows on purpose, any other exception means that the generated
        rows are unrealistic.
        """
        with suppress(CannotBuildError):
            base = other_rows.without_rows(self._databases, entry)
            trace, _ = self._up_and_down(entry, base, None, copies=False)
            if trace.after is not None:
                message = failed.error or failed.refused_rows
                deliberate = raises(failed.source, message)
                return replace(
                    trace, refused_rows="" if deliberate else message, rows_error=message if deliberate else ""
                ), None
        return replace(failed, refused_rows=""), None

    def _with_failure_cause(self, entry: HistoryEntry, failed: RevisionTrace) -> RevisionTrace:
        """Return the failed trace, which records the rows as the cause when the revision succeeds without them.

        Only failures whose SQLSTATE leaves the cause open are tried without rows.
        """
        sqlstate = next(statement.sqlstate or "" for statement in failed.upgrade if statement.error)
        if sqlstate[:2] in MAYBE_OF_ROWS:
            with suppress(CannotBuildError):
                base = other_rows.without_rows(self._databases, entry)
                trace, _ = self._up_and_down(entry, base, None, copies=False)
                if trace.after is not None:
                    return replace(failed, refused_rows="", rows_error=failed.refused_rows)
        return replace(failed, refused_rows="")

    def _continued_after_errors(self, entry: HistoryEntry, failed: RevisionTrace) -> RevisionTrace:
        """Run a revision that fails on rows once more, and continue after each failing statement.

        The trace then also has the statements behind the first error.
        """
        if all(statement.transaction is None for statement in failed.upgrade if statement.error):
            return failed
        with self._databases.at(entry.parents) as base:
            result = base.run("upgrade", entry.revision, trace=True, goes_on=True)
            statements = result.run_of(entry.revision, "upgrade").statements
            after = base.snapshot() if result.error is None else None
        if len(statements) <= len(failed.upgrade):
            return failed
        return replace(failed, upgrade=statements, after=after, went_on=True)

    def _databases_with_other_rows(self, entry: HistoryEntry, failed: RevisionTrace) -> Iterator[Database]:
        """Create databases with rows that the revision may accept, the most likely ones first.

        When Python code of the revision rejects the rows, databases without JSON and bytes are still tried: only the
        application knows what these contain. An exception that is neither raised by an author nor a mistake in the code
        (see `BELIEVED`) also leads to a try without rows.

        Args:
            entry: The revision.
            failed: Its trace on the usual rows.

        Yields:
            A database at the revision's parents.
        """
        unreadable_type = unreadable(failed.refused_rows)
        makers: list[Callable[[], Database]] = []
        if unreadable_type:
            makers.append(partial(self._databases.at, entry.parents, unreadable_type))
        if unreadable_type or any(statement.error for statement in failed.upgrade):
            makers.append(partial(other_rows.fitting, self._databases, entry))
            makers.append(partial(other_rows.with_usual_rows, self._databases, entry))
        makers.append(partial(other_rows.without_documents, self._databases, entry))
        if self._exception_type not in BELIEVED and not any(statement.error for statement in failed.upgrade):
            makers.append(partial(other_rows.without_rows, self._databases, entry))
        for make in makers:
            with suppress(CannotBuildError):
                yield make()

    def _retry_on_matching_rows(self, entry: HistoryEntry, trace: RevisionTrace, *, copies: bool) -> RevisionTrace:
        """Run a revision again with rows that its statements look for, when some statements found none.

        A statement that finds such rows may be followed by another one that looks for further rows. These are made in
        the next round. When the revision fails on the added rows, or no longer does what it did without them, the
        original trace stays and records the reason.

        Args:
            entry: The revision.
            trace: Its trace on the usual rows.
            copies: As in `_up_and_down`.

        Returns:
            The trace with the most statements at work.
        """
        tried: list[StatementTrace] = []
        refusal_reasons: dict[str, str] = {}
        for _ in range(_MATCHING_ROUNDS):
            idle_statements = [
                statement for statement in trace.upgrade if statement.sought and not is_in(statement, tried)
            ]
            if not idle_statements or not self._databases.project.rows:
                break
            tried += idle_statements
            # when rows for all statements together do not work, rows for a single one may
            for statements in (
                [idle_statements, *([statement] for statement in idle_statements[:_MOST_SINGLE_STATEMENTS])]
                if len(idle_statements) > 1
                else [idle_statements]
            ):
                new_trace, reason = self._run_on_matching_rows(entry, trace, statements, copies=copies)
                trace = new_trace or trace
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

    def _retry_on_compared_rows(self, entry: HistoryEntry, trace: RevisionTrace, *, copies: bool) -> RevisionTrace:
        """Run a revision again with rows that have the values which its UPDATEs compare with.

        A row that had such a value before shows whether the downgrade tells it from those that the upgrade has changed.
        When the revision refuses these rows, nothing is concluded from them.

        Args:
            entry: The revision.
            trace: Its trace so far.
            copies: As in `_up_and_down`.

        Returns:
            The trace on the most rows.
        """
        if not self._databases.project.rows or trace.downgrade_error is not None:
            return trace
        # The upgrade looks for values that there are. Whether those that the downgrade looks for were there before, as
        # the upgrade's own are behind it, only the target knows.
        trace = self._retry_on_rows_for(entry, trace, trace.upgrade, copies=copies)
        known = _losses(trace)
        trace = self._retry_on_rows_for(entry, trace, trace.downgrade or (), copies=copies)
        return replace(trace, merged=_losses(trace) - known)

    def _retry_on_rows_for(
        self, entry: HistoryEntry, trace: RevisionTrace, updates: Sequence[StatementTrace], *, copies: bool
    ) -> RevisionTrace:
        """Run a revision again with rows for all values that some UPDATEs compare with, or for those of one of them."""
        comparing = [statement for statement in updates if statement.compared]
        if not comparing:
            return trace
        attempts = [comparing, *([statement] for statement in comparing[:_MOST_SINGLE_STATEMENTS])]
        for statements in attempts if len(comparing) > 1 else attempts[:1]:
            new_trace, reason = self._run_on_matching_rows(entry, trace, statements, copies=copies, compared=True)
            if new_trace is not None:
                trace = replace(new_trace, matched=trace.matched, refused_matches=trace.refused_matches)
            if statements is comparing and not reason:
                break
        return trace

    def _run_on_matching_rows(
        self,
        entry: HistoryEntry,
        idle_trace: RevisionTrace,
        statements: Sequence[StatementTrace],
        *,
        copies: bool,
        compared: bool = False,
    ) -> tuple[RevisionTrace | None, str]:
        """Run a revision on a database with rows that some statements look for.

        The next revision starts on a database without these rows, so that its verdict does not depend on this one.

        Args:
            entry: The revision.
            idle_trace: Its trace on the usual rows.
            statements: The statements that found no rows.
            copies: As in `_up_and_down`.
            compared: Make rows for the values that the statements compare with, where no row has them.

        Returns:
            The trace, None when it cannot replace the one on the usual rows; and the reason for that, empty when no
            such rows can be made.
        """
        before = self._line.before = self._line.before or self._databases.at(entry.parents)
        make = self._databases.with_compared if compared else self._databases.matching
        base = make(before, statements)
        if base is None:
            return None, ""
        trace, after = self._up_and_down(entry, base, idle_trace.before, copies=copies, keeps=True)
        if trace.after is None and trace.refused_rows:
            base, trace, after = self._without_edges(
                entry, base, trace, make(before, statements, edges=False), copies=copies
            )
        reason = refused_matches(idle_trace, trace) or (trace.downgrade_error if compared else None)
        if reason:
            base.drop()
            if after is not None:
                after.drop()
            return None, reason
        self._line.move_to_matching(base, after)
        return replace(trace, refused_rows=trace.refused_rows or idle_trace.refused_rows), ""

    def _without_edges(
        self,
        entry: HistoryEntry,
        base: Database,
        failed: RevisionTrace,
        usual: Database | None,
        *,
        copies: bool,
    ) -> tuple[Database, RevisionTrace, Database | None]:
        """Run a revision that failed on matching rows again, on matching rows without values at the edges of types.

        Args:
            entry: The revision.
            base: The database on which it failed.
            failed: Its trace there.
            usual: A database with matching rows that have no such values; None where none can be made.
            copies: As in `_up_and_down`.

        Returns:
            The database, the trace and the upgraded database; those of the failed run where this one fails as well.
        """
        if usual is None:
            return base, failed, None
        trace, after = self._up_and_down(entry, usual, failed.before, copies=copies, keeps=True)
        if trace.after is None:
            usual.drop()
            return base, failed, None
        base.drop()
        return usual, replace(trace, refused_rows=failed.refused_rows), after

    def _run_on_more_rows(self, entry: HistoryEntry, tables: Collection[str]) -> RevisionTrace:
        """Run a revision on a separate database with `_ROWS_FACTOR` times as many rows in some tables."""
        before, rows = self._line.before, self._databases.project.rows * _ROWS_FACTOR
        if before is not None:
            larger = self._databases.grown(before, rows, tables)
        else:
            with self._databases.at(entry.parents, at_once=True) as base:
                larger = self._databases.grown(base, rows, tables)
        with larger:
            trace, _ = self._up_and_down(entry, larger, None, copies=False)
        self._line.before = before
        return trace

    def _up_and_down(
        self,
        entry: HistoryEntry,
        base: Database,
        schema: SchemaSnapshot | None,
        *,
        copies: bool,
        keeps: bool | None = None,
    ) -> tuple[RevisionTrace, Database | None]:
        """Upgrade a database to a revision and undo the upgrade.

        Args:
            entry: The revision.
            base: A database at its parents.
            schema: The catalog of that database; None to read it.
            copies: Undo the upgrade on a copy, so that the upgraded database remains.
            keeps: Upgrade a copy, so that the state before remains; None to decide by the settings of the tracer and
                the text of the revision.

        Returns:
            The trace, and the upgraded database, None when the upgrade failed or was undone on it.
        """
        before, tables = self._read_schema_and_tables(base, schema)
        rows = base.digest()
        common: dict[str, Any] = {
            "tables": tables,
            "before": before,
            "unfilled": base.unfilled,
            "unread": dict(rows.unread),
            "valueless": rows.valueless,
        }
        upgraded = self._database_to_upgrade(base, entry.revision, keeps=keeps)
        first_transaction = next_transaction(upgraded.session())
        start = read_clock(upgraded.session())
        recorded_statements = self._databases.project.statements
        with ApplicationStatements(upgraded.url, recorded_statements, each_column=self._keeps_before) as application:
            upgrade_result = upgraded.run("upgrade", entry.revision, trace=True)
            compatibility = application.try_again() if upgrade_result.error is None else None
        statements = upgrade_result.run_of(entry.revision, "upgrade").statements
        if upgrade_result.error is not None:
            upgraded.drop()
            is_of_statement = upgrade_result.error.kind != "forged" and any(item.error for item in statements)
            error = None if is_of_statement else described(upgrade_result.error)
            refusal, self._exception_type = refused_rows(upgrade_result.error), upgrade_result.error.type
            return self._make_trace(entry, upgrade=statements, error=error, refused_rows=refusal, **common), None
        after = upgraded.snapshot()
        self._remember_pgvector(after)
        written_tables = {
            table
            for statement in statements
            for table, counts in statement.rows.items()
            if counts.inserted or counts.updated
        }
        lagging_sequences = (
            sequences_behind(upgraded.session(), first_transaction, written_tables) if written_tables else ()
        )
        common["unchanged"] = unchanged(rows, upgraded.digest()) if written_tables else frozenset()
        restored, row_difference = None, None
        with upgraded.copy() if copies else upgraded as undone:
            undo_result = undone.run("undo", entry.revision, trace=True)
            if undo_result.error is None:
                rows_restored = undone.digest()
                restored, row_difference = undone.snapshot(), compare(rows, rows_restored)
                common["unread"].update(rows_restored.unread)
                common["stamped"] = stamped_columns(undone.session(), restored, row_difference, start)
        trace = self._make_trace(
            entry,
            upgrade=statements,
            downgrade=undo_result.run_of(entry.revision, "downgrade").statements,
            downgrade_error=described(undo_result.error) if undo_result.error else None,
            downgrade_error_type=undo_result.error.type if undo_result.error else None,
            after=after,
            restored=restored,
            compatibility=compatibility,
            undone=row_difference,
            sequences_behind=lagging_sequences,
            **common,
        )
        return trace, upgraded if copies else None

    def _database_to_upgrade(self, base: Database, revision: str, *, keeps: bool | None) -> Database:
        """Return the database to upgrade: a copy when the state before is needed later, otherwise the database itself.

        Args:
            base: A database at the revision's parents.
            revision: The revision.
            keeps: As in `_up_and_down`.
        """
        source = Path(self._databases.listed(revision).path).read_text(encoding="utf-8")
        if self._keeps_before or may_look_for_rows(source) if keeps is None else keeps:
            return base.copy(revision)
        self._line.before = None
        base.applied |= {revision}
        return base

    def _make_trace(self, entry: HistoryEntry, **fields: Any) -> RevisionTrace:
        listed = self._databases.listed(entry.revision)
        path = Path(listed.path)
        catalogs: list[SchemaSnapshot] = [fields[name] for name in ("before", "after") if fields.get(name) is not None]
        root = self._databases.project.config.resolve().parent
        return RevisionTrace(
            revision=listed.revision,
            down_revision=listed.down_revision,
            path=str(path.relative_to(root) if path.is_relative_to(root) else path),
            message=listed.message,
            docstring=listed.docstring,
            safety_assured=dict(listed.safety_assured),
            lossy_downgrade=listed.lossy_downgrade if isinstance(listed.lossy_downgrade, dict) else {},
            irreversible=listed.irreversible.strip() if isinstance(listed.irreversible, str) else "",
            source=path.read_text(encoding="utf-8"),
            refused_settings=self._databases.refused_settings,
            foreign_tables=tuple(sorted({name for catalog in catalogs for name in catalog.foreign_tables})),
            **fields,
        )

    def _read_schema_and_tables(
        self, database: Database, schema: SchemaSnapshot | None
    ) -> tuple[SchemaSnapshot, Mapping[str, TableFacts]]:
        """Return the catalog of a database, read unless it is known already, and the sizes of its tables."""
        tables = read_table_facts(database.session())
        catalog = schema or database.snapshot()
        self._remember_pgvector(catalog)
        return catalog, tables

    def _remember_pgvector(self, schema: SchemaSnapshot) -> None:
        version = schema.objects.get(("extension", "vector"), {}).get("version")
        self._pgvector = str(version) if version else self._pgvector


def _losses(trace: RevisionTrace) -> frozenset[str]:
    return frozenset(change.subject for change in trace.undone.losses) if trace.undone else frozenset()


def may_look_for_rows(source: str) -> bool:
    """Return whether the text of a revision suggests that it looks for rows.

    A wrong guess only costs time: the state before is then made again.
    """
    return _QUERY_WORDS.search(source) is not None
