"""Runs the revisions of a project, this one or another, in a sandbox, and reports what Postgres reported.

Each revision runs on a database at its parents, with rows in every table (see `revision_databases`). The downgrade
runs on a copy, and the state before the upgrade stays until the next revision: it may be asked for once more, with more
rows.
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
from adapter.outbound.migration.trial.database import CannotBuildError, RevisionDatabase
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.joint_run import fails_together
from adapter.outbound.migration.trial.line import RevisionLine
from adapter.outbound.migration.trial.matches import is_in, is_write, refused_matches, statement_key, with_answer
from adapter.outbound.migration.trial.refused_rows import BELIEVED, MAYBE_OF_ROWS, refused_rows, unreadable
from adapter.outbound.migration.trial.table_facts import read_table_facts, rows_of
from adapter.outbound.migration.trial.zones import in_another_zone
from application.migration.ports import RevisionTracer, Versions
from domain.migration.analysis.judging import raises
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

_MORE = 10  # times as many rows, to tell a batch from a whole table
_ROUNDS = 2  # of rows that match: an UPDATE may look for others than the SELECT before it
_LOOKS = re.compile(r"\b(update|delete|select|insert|merge|query|session|scalars?)\b", re.IGNORECASE)
_MOST_ALONE = 5  # statements for which rows are made one by one, where rows for all of them do not do


class SandboxRevisionTracer(RevisionTracer):
    """Traces the revisions of a project in a sandbox."""

    def __init__(self, databases: RevisionDatabases, *, keeps_before: bool = False) -> None:
        """Keep what makes the databases that revisions run on.

        Args:
            databases: Makes the databases that the revisions run on.
            keeps_before: Keep the state before an upgrade until the next revision, for what may be asked of it; each
                revision then costs a copy more.
        """
        self._databases = databases
        self._keeps_before = keeps_before
        self._line = RevisionLine(databases)
        self._schema: SchemaSnapshot | None = None
        self._pgvector: str | None = None
        self._exception = ""  # with which the upgrade failed last

    def history(self) -> History:
        """Read the revisions.

        Raises:
            MigrationError: They cannot be read; the message says which file and line.
        """
        return self._databases.history()

    def versions(self) -> Versions:
        """Return what it ran on."""
        version = self._databases.sandbox.server_version
        return Versions(f"{version // 10_000}.{version % 10_000}", self._pgvector)

    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """Run one revision up and down on a database at its parents with rows in every table.

        A statement that commits by itself and wrote most of a table may be the one batch that was enough for so few
        rows: then the revision runs again on more, where batches show.

        What the revision does is data in the trace, its failures included.

        Args:
            entry: The revision.
            goes_on: Whether others may follow it. When none do, the downgrade needs no copy.
        """
        try:
            base, follows = self._line.move_to(entry)
        except CannotBuildError as error:
            return self._described(entry, not_run=str(error).removeprefix("not run: "))
        found, self._line.after = self._up_and_down(entry, base, self._schema if follows else None, copies=goes_on)
        self._line.refused = entry.revision if found.after is None else None
        # rows that the user gave are evidence
        if found.after is None and found.refused_rows and self._databases.project.rows_from is None:
            found, self._line.after = self._on_other_rows(entry, found, copies=goes_on)
        elif found.after is not None:
            found = self._at_work(entry, found, copies=goes_on)
        self._schema = found.after
        more = may_be_one_batch(found)
        if more:
            found = replace(self._on_more_rows(entry, more), smaller=SmallerRun(rows_of(found.tables), found.upgrade))
        return replace(found, other_zone=in_another_zone(self._databases, entry, found))

    def shared_transaction(self) -> SharedTransaction | None:
        """Ask the project's env.py whether it would run all pending revisions in one transaction."""
        database = self._databases.sandbox.create()
        found = self._databases.run(database, "env")
        self._databases.sandbox.drop(database)
        if not found.one_transaction:
            return None
        path, line = found.configured_at or ("env.py", 0)
        return SharedTransaction(Path(path).name, line, begun_outside=found.one_transaction == "external")

    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """Run revisions as the project does, in one transaction; see `joint_run`."""
        return fails_together(self._databases, entries)

    def calibrate(self, trace: RevisionTrace, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Run the upgrade that was traced last again, on more and more rows."""
        before = self._line.before
        if before is None or self._schema is None or not self._databases.project.rows:
            return ()
        return calibrate(self._databases, before, trace, tables)

    def close(self) -> None:
        """Keep what the next analysis can begin with."""
        self._line.close()

    def _on_other_rows(
        self, entry: HistoryEntry, failed: RevisionTrace, *, copies: bool
    ) -> tuple[RevisionTrace, RevisionDatabase | None]:
        """Run a revision that fails on made-up rows on others that fit; when it fails again, that is its trace."""
        for base in self._other_rows(entry, failed):
            self._line.move_aside(base)
            found, after = self._up_and_down(entry, base, failed.before, copies=copies)
            if found.after is not None:
                return replace(found, refused_rows=failed.refused_rows), after
        if any(statement.error for statement in failed.upgrade):
            return self._going_on(entry, self._blamed(entry, failed)), None
        return self._without_rows(entry, failed)

    def _without_rows(
        self, entry: HistoryEntry, failed: RevisionTrace
    ) -> tuple[RevisionTrace, RevisionDatabase | None]:
        """Run a revision whose Python fails on all made-up rows without any; when it fails there, too, it does always.

        A `raise` of the author's own says that such rows are wrong; another exception, that ours are made up.
        """
        with suppress(CannotBuildError):
            base = other_rows.without_rows(self._databases, entry)
            found, _ = self._up_and_down(entry, base, None, copies=False)
            if found.after is not None:
                said = failed.error or failed.refused_rows
                own = raises(failed.source, said)
                return replace(found, refused_rows="" if own else said, rows_error=said if own else ""), None
        return replace(failed, refused_rows=""), None

    def _blamed(self, entry: HistoryEntry, failed: RevisionTrace) -> RevisionTrace:
        """Note that rows are to blame for a failure that its code alone does not explain: without any it is gone."""
        state = next(statement.sqlstate or "" for statement in failed.upgrade if statement.error)
        if state[:2] in MAYBE_OF_ROWS:
            with suppress(CannotBuildError):
                base = other_rows.without_rows(self._databases, entry)
                found, _ = self._up_and_down(entry, base, None, copies=False)
                if found.after is not None:
                    return replace(failed, refused_rows="", rows_error=failed.refused_rows)
        return replace(failed, refused_rows="")

    def _going_on(self, entry: HistoryEntry, failed: RevisionTrace) -> RevisionTrace:
        """Run a revision once more that fails on rows: behind a statement that does it goes on, so that all is seen."""
        if all(statement.transaction is None for statement in failed.upgrade if statement.error):
            return failed
        base = self._databases.at(entry.parents)
        up = self._databases.run(base.url, "upgrade", entry.revision, trace=True, goes_on=True)
        statements = up.run_of(entry.revision, "upgrade").statements
        after = self._databases.snapshot(base) if up.error is None else None
        self._databases.drop(base)
        if len(statements) <= len(failed.upgrade):
            return failed
        return replace(failed, upgrade=statements, after=after, went_on=True)

    def _other_rows(self, entry: HistoryEntry, failed: RevisionTrace) -> Iterator[RevisionDatabase]:
        """Make databases with other rows, such as the error asks for.

        A check of the author's own in Python is believed, unless it is about JSON or bytes: what these look like, only
        the application knows. So is what another exception than those that people raise is about: it is tried
        without rows.
        """
        readable = unreadable(failed.refused_rows)
        makers: list[Callable[[], RevisionDatabase]] = []
        if readable:
            makers.append(partial(self._databases.at, entry.parents, readable))
        if readable or any(statement.error for statement in failed.upgrade):
            makers.append(partial(other_rows.fitting, self._databases, entry))
            makers.append(partial(other_rows.with_usual_rows, self._databases, entry))
        makers.append(partial(other_rows.without_documents, self._databases, entry))
        if self._exception not in BELIEVED and not any(statement.error for statement in failed.upgrade):
            makers.append(partial(other_rows.without_rows, self._databases, entry))
        for make in makers:
            with suppress(CannotBuildError):
                yield make()

    def _at_work(self, entry: HistoryEntry, found: RevisionTrace, *, copies: bool) -> RevisionTrace:
        """Run a revision once more, with rows that its statements look for, where some have found none.

        What follows on rows that were found may look for others: these are made as well. Where a revision fails on such
        rows, or leaves out what it did before, its trace stays, and says so.

        Args:
            entry: The revision.
            found: Its trace.
            copies: As in `_up_and_down`.
        """
        tried: list[StatementTrace] = []
        refused: dict[str, str] = {}
        for _ in range(_ROUNDS):
            more = [one for one in found.upgrade if one.sought and not is_in(one, tried)]
            if not more or not self._databases.project.rows:
                break
            tried += more
            # where rows for all of them do not do, each by itself may
            for wanted in [more, *([one] for one in more[:_MOST_ALONE])] if len(more) > 1 else [more]:
                again, why = self._with_matching_rows(entry, found, wanted, copies=copies)
                found = again or found
                if again is not None and wanted is more:
                    break
                if len(wanted) == 1:
                    found, refused = with_answer(found, wanted[0], why, refused)
        seen = (one for one in found.upgrade if not one.sought)
        matched = [
            one.sql
            for one in seen
            if any(map(is_write, (each for each in tried if statement_key(each) == statement_key(one))))
        ]
        return replace(found, matched=tuple(matched), refused_matches=refused)

    def _with_matching_rows(
        self, entry: HistoryEntry, idle: RevisionTrace, wanted: Sequence[StatementTrace], *, copies: bool
    ) -> tuple[RevisionTrace | None, str]:
        """Run a revision with rows that some statements look for.

        The next revision begins without these: what it is judged by depends on no other.

        Returns:
            The trace; where there is none, why: empty where no such rows can be made.
        """
        before = self._line.before = self._line.before or self._databases.at(entry.parents)
        base = self._databases.matching(before, wanted)
        if base is None:
            return None, ""
        found, after = self._up_and_down(entry, base, idle.before, copies=copies, keeps=True)
        reason = refused_matches(idle, found)
        if reason:
            self._databases.drop(base)
            self._databases.drop(after)
            return None, reason
        self._databases.drop(before)
        self._line.before = base
        if self._line.onward is not None:
            self._databases.drop(self._line.after)
        else:
            self._line.onward = self._line.after
        self._line.after = after
        return found, ""

    def _on_more_rows(self, entry: HistoryEntry, tables: Collection[str]) -> RevisionTrace:
        """Run a revision aside, with more rows in some tables."""
        base = self._line.before or self._databases.at(entry.parents, at_once=True)
        grown = self._databases.grown(base, self._databases.project.rows * _MORE, tables)
        if base is not self._line.before:
            self._databases.drop(base)
        kept = self._line.before
        found, _ = self._up_and_down(entry, grown, None, copies=False)
        if self._keeps_before:
            self._databases.drop(grown)
        self._line.before = kept
        return found

    def _up_and_down(
        self,
        entry: HistoryEntry,
        base: RevisionDatabase,
        schema: SchemaSnapshot | None,
        *,
        copies: bool,
        keeps: bool | None = None,
    ) -> tuple[RevisionTrace, RevisionDatabase | None]:
        """Run a revision on a database, or on a copy where the state before is kept.

        Args:
            entry: The revision.
            base: A database at its parents.
            schema: The catalog of that database; None to read it.
            copies: Undo the upgrade on a copy.
            keeps: Keep the state before; None where that is wanted, or may be.

        Returns:
            The trace, and the upgraded database; None when the upgrade failed, or was undone there.
        """
        run = self._databases.run
        before, tables = self._look(base, schema)
        rows = self._databases.digest(base)
        common: dict[str, Any] = {
            "tables": tables,
            "before": before,
            "unfilled": base.unfilled,
            "unread": dict(rows.unread),
            "valueless": rows.valueless,
        }
        upgraded = self._upgradable(base, entry.revision, keeps=keeps)
        since = next_transaction(self._databases.session(upgraded))
        recorded = self._databases.project.statements
        with ApplicationStatements(upgraded.url, recorded, each_column=self._keeps_before) as code:
            up = run(upgraded.url, "upgrade", entry.revision, trace=True)
            compatibility = code.try_again() if up.error is None else None
        statements = up.run_of(entry.revision, "upgrade").statements
        if up.error is not None:
            self._databases.drop(upgraded)
            error = None if any(one.error for one in statements) else described(up.error)
            refused, self._exception = refused_rows(up.error), up.error.type
            return self._described(entry, upgrade=statements, error=error, refused_rows=refused, **common), None
        after = self._databases.snapshot(upgraded)
        self._note_version(after)
        written = {name for one in statements for name, rows in one.rows.items() if rows.inserted or rows.updated}
        behind = sequences_behind(self._databases.session(upgraded), since, written) if written else ()
        common["unchanged"] = unchanged(rows, self._databases.digest(upgraded)) if written else frozenset()
        undone = self._databases.copy(upgraded) if copies else upgraded
        down = run(undone.url, "undo", entry.revision, trace=True)
        restored, difference = None, None
        if down.error is None:
            rows_restored = self._databases.digest(undone)
            restored, difference = self._databases.snapshot(undone), compare(rows, rows_restored)
            common["unread"].update(rows_restored.unread)
        self._databases.drop(undone)
        trace = self._described(
            entry,
            upgrade=statements,
            downgrade=down.run_of(entry.revision, "downgrade").statements,
            downgrade_error=described(down.error) if down.error else None,
            downgrade_error_type=down.error.type if down.error else None,
            after=after,
            restored=restored,
            compatibility=compatibility,
            undone=difference,
            sequences_behind=behind,
            **common,
        )
        return trace, upgraded if copies else None

    def _upgradable(self, base: RevisionDatabase, revision: str, *, keeps: bool | None) -> RevisionDatabase:
        """Return what the upgrade runs on: a copy where the state before is wanted, now or maybe later."""
        source = Path(self._databases.listed(revision).path).read_text(encoding="utf-8")
        if self._keeps_before or may_look_for_rows(source) if keeps is None else keeps:
            return self._databases.copy(base, revision)
        self._line.before = None
        return replace(base, applied=base.applied | {revision})

    def _described(self, entry: HistoryEntry, **found: Any) -> RevisionTrace:
        listed = self._databases.listed(entry.revision)
        path = Path(listed.path)
        catalogs: list[SchemaSnapshot] = [found[name] for name in ("before", "after") if found.get(name) is not None]
        root = self._databases.project.config.resolve().parent
        return RevisionTrace(
            revision=listed.revision,
            down_revision=listed.down_revision,
            path=str(path.relative_to(root) if path.is_relative_to(root) else path),
            message=listed.message,
            docstring=listed.docstring,
            safety_assured=dict(listed.safety_assured),
            lossy_downgrade=listed.lossy_downgrade if isinstance(listed.lossy_downgrade, dict) else {},
            source=path.read_text(encoding="utf-8"),
            refused_settings=self._databases.refused_settings,
            foreign_tables=tuple(sorted({name for catalog in catalogs for name in catalog.foreign_tables})),
            **found,
        )

    def _look(
        self, database: RevisionDatabase, schema: SchemaSnapshot | None
    ) -> tuple[SchemaSnapshot, Mapping[str, TableFacts]]:
        """Read sizes of tables, and the catalog where it is not known."""
        tables = read_table_facts(self._databases.session(database))
        catalog = schema or self._databases.snapshot(database)
        self._note_version(catalog)
        return catalog, tables

    def _note_version(self, schema: SchemaSnapshot) -> None:
        version = schema.objects.get(("extension", "vector"), {}).get("version")
        self._pgvector = str(version) if version else self._pgvector


def may_look_for_rows(source: str) -> bool:
    """Return whether a revision may look for rows; one that seems not to and does costs a little more time."""
    return _LOOKS.search(source) is not None
