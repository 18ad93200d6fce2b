"""Proves in a sandbox that a revision can be undone, can be re-run after an interruption, and is compatible with code.

The proofs use the databases before and after the upgrade that a trace has kept.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.rows import ROWS_SEED
from adapter.outbound.migration.rows.sequences import advance_sequences
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.rows_there import carry_rows
from adapter.outbound.migration.trial.tracer import SandboxRevisionTracer
from adapter.outbound.migration.trial.zones import depends_on_zone
from application.migration.ports import Conditions, RevisionProver
from domain.migration import digest as data
from domain.migration import snapshot as schema
from domain.migration.analysis.unseen import found_nothing
from domain.migration.compatibility import Compatibility
from domain.migration.digest import DataChangeKind, DataDifference, DataDigest
from domain.migration.history import History, HistoryEntry
from domain.migration.names import split
from domain.migration.one_line import in_one_line
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statements import to_json
from domain.migration.trace import RevisionTrace
from domain.migration.verification.proof import Again, Repetition
from domain.migration.verification.round_trip import Declaration
from domain.migration.verification.rows_there import inserted_into, spares
from domain.migration.verification.unseen_losses import losses_not_seen

_MOST_KILLS = 40  # of one revision: more statements are a loop, where the first, the last and some between suffice
_SHOWN_CHARACTERS = 70  # of a statement in a sentence


class SandboxRevisionProver(SandboxRevisionTracer, RevisionProver):
    """A tracer that also proves each revision, on the databases that its trace has kept."""

    def __init__(self, databases: RevisionDatabases) -> None:
        """Create a prover; see `SandboxRevisionTracer`."""
        super().__init__(databases, keeps_before=True)

    _expected_end: tuple[SchemaSnapshot, DataDigest, frozenset[tuple[str, DataChangeKind]]] | None = None

    def conditions(self) -> Conditions:
        """Return the settings that the proofs depend on."""
        project = self._databases.project
        text = to_json(project.statements).encode()
        statements = hashlib.sha256(text).hexdigest()[:12] if project.statements else ""
        return Conditions(self._databases.sandbox.server_version // 10_000, project.rows, ROWS_SEED, statements)

    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file, in hexadecimal."""
        return hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()

    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Return the losses and the irreversibility that a revision declares for its own downgrade."""
        listed = self._databases.listed(entry.revision)
        return Declaration.read(entry.revision, listed.lossy_downgrade, listed.irreversible)

    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """Run one revision up and down; the trace also names the edge values that no row of a touched table has."""
        self._expected_end = None
        trace = super().trace(entry, goes_on=goes_on)
        if trace.after is None or self._line.before is None:
            return trace
        touched_tables = {*trace.locks, *(table for statement in trace.upgrade for table in statement.rows)}
        return replace(
            trace, unmade_edges=self._databases.unmade_edges(self._line.before, touched_tables & trace.tables.keys())
        )

    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Run each revision up, down and up again, in one job for many revisions, and compare the states.

        Args:
            entries: The revisions, in order.

        Returns:
            By revision, the trace of each one whose downgrade restored everything. It has catalogs and no statements.
        """
        exact_traces: dict[str, RevisionTrace] = {}
        remaining = list(entries)
        while remaining:
            flight = _flight(remaining, self.history(), self._databases.is_landing)
            climber = _Climber(self, self._databases, flight)
            exact_traces.update(climber.climb())
            # the revision that stopped the climb is skipped: the next flight starts behind it
            del remaining[: min(len(flight), climber.done + 1)]
        return exact_traces

    def describe(self, entry: HistoryEntry, **fields: Any) -> RevisionTrace:
        """Return a trace of a revision with some of its fields.

        Args:
            entry: The revision.
            fields: Values of fields of `RevisionTrace`, by name.
        """
        return self._make_trace(entry, **fields)

    def upgrade_again(self, trace: RevisionTrace) -> Again:
        """Undo a revision, upgrade again, and compare the state with the one after the first upgrade.

        The revision is also upgraded and undone on a database that already has the rows which it inserts.
        """
        _, after = self._databases_of_trace()
        with after.copy() as copy:
            for command in ("undo", "upgrade"):
                result = copy.run(command, trace.revision)
                if result.error is not None:
                    return Again(f"{command} after the first upgrade: {described(result.error)}")
            schema_difference, row_difference = self._difference(copy)
        return Again(None, schema_difference, row_difference, self._lost_existing_rows(trace))

    def _lost_existing_rows(self, trace: RevisionTrace) -> DataDifference:
        """Upgrade and undo a database that already has the rows which the upgrade inserts.

        Returns:
            The losses in tables where the upgrade kept the existing rows and the downgrade removed them.
        """
        tables = inserted_into(trace)
        if not tables:
            return DataDifference()
        before, after = self._databases_of_trace()
        usual_states = before.digest(), self._read_expected_end()[1]
        with before.copy() as copy:
            carry_rows(after.session(), copy.session(), tables)
            states = [copy.digest()]
            for command in ("upgrade", "undo"):
                if copy.run(command, trace.revision).error is not None:
                    return DataDifference()  # the revision refuses the existing rows, so it cannot remove them
                states.append(copy.digest())
        spared_tables = {table for table in tables if spares(table, usual_states, (states[0], states[1]))}
        known_losses = {change.subject for change in trace.undone.losses} if trace.undone else set()
        losses = data.compare(states[0], states[2]).losses
        return DataDifference(tuple(change for change in losses if change.subject in spared_tables - known_losses))

    def repeat(self, trace: RevisionTrace) -> Repetition:
        """Upgrade twice in a row; also kill the upgrade at each statement, run it again, and compare the states."""
        _, after = self._databases_of_trace()
        with after.copy() as copy:
            result = copy.run("upgrade", trace.revision)
            differences = [described(result.error)] if result.error else list(self._sentences(copy))
        statements = [statement.sql for statement in trace.upgrade for _ in range(statement.count)]
        outside_transaction = [statement for statement in trace.upgrade if statement.cannot_run_in_transaction]
        kills = 0
        failures: list[str] = []
        for number in _spread(len(statements)):
            kills += 1
            failures += self._killed(
                trace,
                f"after statement {number} ({in_one_line(statements[number - 1], _SHOWN_CHARACTERS)})",
                kill_after=number,
            )
        for number, statement in enumerate(outside_transaction, 1):
            kills += 1
            failures += self._killed(
                trace, f"in the middle of {in_one_line(statement.sql, _SHOWN_CHARACTERS)}", kill_during=number
            )
        return Repetition(tuple(differences), kills, tuple(failures))

    def new_code(self, trace: RevisionTrace) -> Compatibility:
        """Run statements that fit the schema after the upgrade on the schema before it."""
        before, after = self._databases_of_trace()
        assert trace.after is not None  # noqa: S101 - there is no database after a failed upgrade
        with ApplicationStatements(after.url, self._databases.project.statements) as application:
            return application.try_on(before.url)

    def _killed(self, trace: RevisionTrace, when: str, **kill: Any) -> Iterator[str]:
        """Kill an upgrade and run it again.

        Args:
            trace: Of the revision.
            when: The moment of the kill, in words.
            kill: The moment of the kill, as an option of the job: `kill_after` or `kill_during`.

        Yields:
            A sentence when the second run fails, or when it ends in another state than an upgrade without a kill.
        """
        before, _ = self._databases_of_trace()
        with before.copy() as copy:
            copy.run("upgrade", trace.revision, trace=True, **kill)
            result = copy.run("upgrade", trace.revision)
            if result.error is not None:
                yield f"Killed {when}, the upgrade cannot be run again: {described(result.error)}"
            else:
                sentences = "; ".join(self._sentences(copy))
                if sentences:
                    yield f"Killed {when} and run again, the upgrade ends elsewhere: {sentences}"

    def _databases_of_trace(self) -> tuple[Database, Database]:
        before, after = self._line.before, self._line.after
        if before is None or after is None:
            raise ValueError("no revision was traced, or its upgrade failed")
        return before, after

    def _sentences(self, database: Database) -> Iterator[str]:
        schema_difference, row_difference = self._difference(database)
        yield from schema_difference.sentences()
        yield from row_difference.sentences()

    def _difference(self, database: Database) -> tuple[schema.SchemaDifference, DataDifference]:
        """Compare a database with the traced upgrade's result, without the values that differ after each upgrade."""
        expected_schema, expected_rows, volatile = self._read_expected_end()
        actual_schema, row_difference = (
            database.snapshot(),
            data.compare(expected_rows, database.digest()),
        )
        stable_changes = tuple(
            change for change in row_difference.changes if (change.subject, change.kind) not in volatile
        )
        return schema.compare(expected_schema, actual_schema, ignore={"position"}), DataDifference(stable_changes)

    def _read_expected_end(self) -> tuple[SchemaSnapshot, DataDigest, frozenset[tuple[str, DataChangeKind]]]:
        """Return the state after the traced upgrade, and the values in which two upgrades differ anyway.

        Such values come from clocks, random numbers and sequences. They are no fault of the revision.

        Returns:
            The schema, the rows, and the subject and kind of each change between two upgrades.
        """
        if self._expected_end is None:
            before, after = self._databases_of_trace()
            upgraded_schema, upgraded_rows = after.snapshot(), after.digest()
            with before.copy() as copy:
                advance_sequences(copy.session())
                (revision,) = after.applied - before.applied
                copy.run("upgrade", revision)
                difference = data.compare(upgraded_rows, copy.digest())
            self._expected_end = (
                upgraded_schema,
                upgraded_rows,
                frozenset((change.subject, change.kind) for change in difference.changes),
            )
        return self._expected_end


class _Climber:
    """A run of a line of revisions, each up, down and up again, on one database and one connection of the project.

    Attributes:
        done: How many revisions have been run and restored everything.
    """

    def __init__(
        self, prover: SandboxRevisionProver, databases: RevisionDatabases, flight: Sequence[HistoryEntry]
    ) -> None:
        self.done = 0
        self._prover = prover
        self._databases = databases
        self._flight = flight
        self._exact_traces: dict[str, RevisionTrace] = {}
        self._database: Database
        self._states: list[tuple[SchemaSnapshot, DataDigest]] = []
        self._unmade_edges: Mapping[str, str] = {}

    def climb(self) -> dict[str, RevisionTrace]:
        """Run the revisions until a downgrade does not restore everything, or an upgrade ends in another state.

        Returns:
            By revision, the trace of each one that restored everything and whose statements all found rows.
        """
        try:
            self._database = self._databases.at(self._flight[0].parents)
        except CannotBuildError:
            return {}
        self._states = [self._read_state()]
        steps = tuple(
            (entry.revision, direction) for entry in self._flight for direction in ("upgrade", "downgrade", "upgrade")
        )
        with self._database as database:
            result = database.run("stairs", steps=steps, stepped=self._check_step, trace=True)
        if result.error is not None and result.error.kind == "forged":
            return {}  # nobody knows what was done: each is traced on its own, and the one that did it has the error
        # A statement that found no rows was not tested, an UPDATE by values is tested on rows that have them, and rows
        # that are inserted may exist already in production. What depends on the zone is run in two. Such revisions are
        # traced on their own.
        statements = {
            revision: [statement for run in result.runs if run.revision == revision for statement in run.statements]
            for revision in self._exact_traces
        }
        return {
            revision: trace
            for revision, trace in self._exact_traces.items()
            if not depends_on_zone(trace)
            and not any(found_nothing(statement) or statement.compared for statement in statements[revision])
            and not losses_not_seen(replace(trace, upgrade=tuple(statements[revision])))
            and not inserted_into(replace(trace, upgrade=tuple(statements[revision])))
        }

    def _check_step(self, *_: str) -> bool:
        self._states.append(self._read_state())
        match self._states:
            case [before, after, restored]:
                # now, because the next upgrade takes columns away
                self._unmade_edges = self._databases.unmade_edges(self._database, _touched_tables(before[0], after[0]))
                return _is_same(before, restored)
            case [before, after, restored, upgraded_again]:
                if not _is_same(after, upgraded_again):
                    return False
                entry = self._flight[self.done]
                self._exact_traces[entry.revision] = self._prover.describe(
                    entry,
                    before=before[0],
                    after=after[0],
                    restored=restored[0],
                    undone=DataDifference(),
                    unmade_edges=self._unmade_edges,
                    valueless=before[1].valueless,
                    unchanged=data.unchanged(before[1], after[1]),
                    unread={table: reason for _, rows in self._states for table, reason in rows.unread.items()},
                )
                self.done += 1
                self._databases.fill(self._database)
                self._states = [(upgraded_again[0], self._database.digest())]
        return True

    def _read_state(self) -> tuple[SchemaSnapshot, DataDigest]:
        return self._database.snapshot(), self._database.digest()


def _touched_tables(before: SchemaSnapshot, after: SchemaSnapshot) -> set[str]:
    """Return the tables before a revision of which it changes the schema."""
    difference = schema.compare(before, after, ignore={"position"})
    keys = [*difference.missing, *difference.unexpected, *(change.key for change in difference.changed)]
    return {name if kind == "table" else split(name)[0] for kind, name in keys} & before.names("table")


def _is_same(expected: tuple[SchemaSnapshot, DataDigest], actual: tuple[SchemaSnapshot, DataDigest]) -> bool:
    return not schema.compare(expected[0], actual[0], ignore={"position"}) and not data.compare(expected[1], actual[1])


def _flight(
    entries: Sequence[HistoryEntry], history: History, is_landing: Callable[[Iterable[str]], bool]
) -> list[HistoryEntry]:
    """Return the first revisions that follow each other in a line, up to the one before which rows are made anew."""
    flight = [entries[0]]
    applied = {*history.ancestors(entries[0].parents), entries[0].revision}
    for entry in entries[1:]:
        if history.ancestors(entry.parents) != applied or is_landing(entry.parents):
            break
        flight.append(entry)
        applied.add(entry.revision)
    return flight


def _spread(count: int) -> list[int]:
    """Return the numbers of the statements, from 1, after which to kill: all, or `_MOST_KILLS` evenly spread."""
    if count <= _MOST_KILLS:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (_MOST_KILLS - 1)) for step in range(_MOST_KILLS)})
