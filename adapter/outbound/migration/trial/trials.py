"""Trials of the revisions of a project in a sandbox, one after the other.

Each revision runs on a database at its parents, with rows in every table (see `databases`). The downgrade runs on a
copy. The state before the upgrade can be kept for the whole trial, because calibration and proofs run the upgrade on it
again. A revision starts on the database that the previous one has left, when that database is at its parents.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, count_all_rows
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.rows import ROWS_SEED
from adapter.outbound.migration.sandbox.session_settings import are_usual
from adapter.outbound.migration.trial import joint_run
from adapter.outbound.migration.trial.climb import climb
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.described import describe
from adapter.outbound.migration.trial.states import NOTHING_KNOWN, KnownState, TrialDatabases
from adapter.outbound.migration.trial.tracing import trace_revision
from adapter.outbound.migration.trial.trial import SandboxTrial
from adapter.outbound.migration.trial.up_and_down import UpAndDown
from application.migration.ports.trials import Conditions, Trials, Versions
from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statements import to_json
from domain.migration.trace import RevisionTrace


@dataclass(frozen=True)
class _Left:
    """What a trial has left.

    Attributes:
        revision: The revision.
        database: A database behind it that the next revision can start on; None without one.
        schema: The catalog of that database; None when it is not known.
        refused: Whether the upgrade failed on the usual rows.
    """

    revision: str = ""
    database: Database | None = None
    schema: SchemaSnapshot | None = None
    refused: bool = False


class SandboxTrials(Trials):
    """Trials in a sandbox."""

    def __init__(self, databases: RevisionDatabases, *, keeps_before: bool = False) -> None:
        """Prepare the trials of a project.

        Args:
            databases: Make the databases that the revisions run on.
            keeps_before: Keep the state before each upgrade, so that the upgrade can be calibrated or proved. This
                costs one more copy of the database for each revision.
        """
        self._databases = databases
        self._keeps_before = keeps_before
        if keeps_before:
            databases.try_each_column()
        self._left = _Left()
        self._pgvector: str | None = None

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

    def conditions(self) -> Conditions:
        """Return the settings that the results depend on."""
        project = self._databases.project
        statements = _hash(to_json(project.statements)) if project.statements else ""
        settings = _hash(repr(sorted(project.settings.items()))) if project.settings else ""
        return Conditions(
            self._databases.sandbox.server_version // 10_000,
            project.rows,
            ROWS_SEED,
            statements,
            settings,
            are_usual(project.settings),
        )

    @contextmanager
    def begin(self, entry: HistoryEntry, *, goes_on: bool = True) -> Iterator[SandboxTrial]:
        """Run one revision up and down on a database at its parents, and yield the trial.

        A failure of the revision raises nothing: it is recorded in the trace. After an error that ends the command, the
        sandbox drops the databases when it closes.

        Args:
            entry: The revision.
            goes_on: Whether other revisions may follow it. When none do, the downgrade needs no copy.
        """
        states = TrialDatabases()
        try:
            states.before, known = self._start(entry)
        except CannotBuildError as error:
            not_run = str(error).removeprefix("not run: ")
            yield SandboxTrial(self._databases, states, describe(self._databases, entry, not_run=not_run))
            return
        run = UpAndDown(self._databases, entry, keeps_before=self._keeps_before, goes_on=goes_on)
        trace = trace_revision(run, states, known)
        self._pgvector = run.pgvector or self._pgvector
        yield SandboxTrial(self._databases, states, trace)
        self._left = _Left(entry.revision, states.end(), states.schema, states.refused)

    def _start(self, entry: HistoryEntry) -> tuple[Database, KnownState]:
        """Return a database at the parents of a revision, with rows, and what is known of it.

        Raises:
            CannotBuildError: The parents cannot be applied.
        """
        applied = self._databases.history().ancestors(entry.parents)
        left, self._left = self._left, _Left()
        keeps_rows = not self._databases.is_landing(entry.parents)
        if left.database is not None:
            if keeps_rows and not left.refused and left.database.applied == applied:
                counts = count_all_rows(left.database.session())
                is_filled_up = self._databases.rows.fill(left.database, counts=counts)
                return left.database, KnownState(left.schema, NOT_COUNTED if is_filled_up else counts)
            left.database.drop()
        # after a revision that failed on its rows, new rows are made, as in a range that starts behind it
        follows_refused = left.refused and (left.revision,) == entry.parents
        return self._databases.at(entry.parents, at_once=keeps_rows and follows_refused), NOTHING_KNOWN

    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Run each revision up, down and up again, in one job for many revisions; see `climb`."""
        return climb(self._databases, entries)

    def shared_transaction(self) -> SharedTransaction | None:
        """Return where the project's env.py makes all pending revisions share one transaction; None when it does not.

        This runs env.py on an empty database.
        """
        with self._databases.maker.create() as database:
            environment = database.run(Command.ENV)
        if not environment.one_transaction:
            return None
        path, line = environment.configured_at or ("env.py", 0)
        return SharedTransaction(Path(path).name, line, begun_outside=environment.one_transaction == "external")

    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """Run revisions in one transaction, as the project does; see `joint_run`."""
        return joint_run.fails_together(self._databases, entries)

    def close(self) -> None:
        """Save the last upgraded database as a template, so that the next analysis can start from it."""
        left, self._left = self._left, _Left()
        if left.database is not None:
            if left.refused:
                left.database.drop()
            else:
                self._databases.keep(left.database, left.revision)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
