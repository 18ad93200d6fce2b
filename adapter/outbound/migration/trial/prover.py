"""Proves in a sandbox that a revision can be undone, repeated after any interruption, and run beside other code."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.rows import ROWS_SEED
from adapter.outbound.migration.rows.sequences import advance_sequences
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.trial.database import CannotBuildError, RevisionDatabase
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.rows_there import carry_rows
from adapter.outbound.migration.trial.tracer import SandboxRevisionTracer
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

_MOST_KILLS = 40  # of one revision: more statements than that are a loop, of which the first, the last and some count
_SHOWN = 70


class SandboxRevisionProver(SandboxRevisionTracer, RevisionProver):
    """Proves revisions on the databases that their traces have left."""

    def __init__(self, databases: RevisionDatabases) -> None:
        """Begin; see `SandboxRevisionTracer`."""
        super().__init__(databases, keeps_before=True)

    _ends: tuple[SchemaSnapshot, DataDigest, frozenset[tuple[str, DataChangeKind]]] | None = None

    def conditions(self) -> Conditions:
        """Return what the proofs depend on."""
        project = self._databases.project
        text = to_json(project.statements).encode()
        statements = hashlib.sha256(text).hexdigest()[:12] if project.statements else ""
        return Conditions(self._databases.sandbox.server_version // 10_000, project.rows, ROWS_SEED, statements)

    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file."""
        return hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()

    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Read what a revision says of its own downgrade."""
        listed = self._databases.listed(entry.revision)
        return Declaration.read(entry.revision, listed.lossy_downgrade, listed.irreversible)

    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """Run one revision up and down."""
        self._ends = None
        found = super().trace(entry, goes_on=goes_on)
        if found.after is None or self._line.before is None:
            return found
        touched = {*found.locks, *(table for statement in found.upgrade for table in statement.rows)}
        return replace(
            found, unmade_edges=self._databases.unmade_edges(self._line.before, touched & found.tables.keys())
        )

    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Run revisions up, down and up again in one go, and only compare."""
        exact: dict[str, RevisionTrace] = {}
        waiting = list(entries)
        while waiting:
            flight = _flight(waiting, self.history(), self._databases.is_landing)
            climber = _Climber(self, self._databases, flight)
            exact.update(climber.climb())
            # behind the one that stopped it, another flight begins
            del waiting[: min(len(flight), climber.done + 1)]
        return exact

    def describe(self, entry: HistoryEntry, **found: Any) -> RevisionTrace:
        """Return a trace of what is known."""
        return self._described(entry, **found)

    def upgrade_again(self, trace: RevisionTrace) -> Again:
        """Undo the revision, upgrade again, and compare; upgrade and undo where the rows that it inserts are there."""
        _, after = self._databases_of_trace()
        copy = self._databases.copy(after)
        for command in ("undo", "upgrade"):
            result = self._databases.run(copy.url, command, trace.revision)
            if result.error is not None:
                self._databases.drop(copy)
                return Again(f"{command} after the first upgrade: {described(result.error)}")
        schemas, rows = self._difference(copy)
        self._databases.drop(copy)
        return Again(None, schemas, rows, self._taken_away(trace))

    def _taken_away(self, trace: RevisionTrace) -> DataDifference:
        """Upgrade and undo where the rows that the upgrade inserts were there before; return what is lost of them."""
        tables = inserted_into(trace)
        if not tables:
            return DataDifference()
        before, after = self._databases_of_trace()
        usual = self._databases.digest(before), self._end()[1]
        copy = self._databases.copy(before)
        carry_rows(self._databases.session(after), self._databases.session(copy), tables)
        states = [self._databases.digest(copy)]
        for command in ("upgrade", "undo"):
            if self._databases.run(copy.url, command, trace.revision).error is not None:
                self._databases.drop(copy)
                return DataDifference()  # it does not go on where they are there, and takes nothing
            states.append(self._databases.digest(copy))
        self._databases.drop(copy)
        spared = {table for table in tables if spares(table, usual, (states[0], states[1]))}
        known = {change.subject for change in trace.undone.losses} if trace.undone else set()
        lost = data.compare(states[0], states[2]).losses
        return DataDifference(tuple(change for change in lost if change.subject in spared - known))

    def repeat(self, trace: RevisionTrace) -> Repetition:
        """Upgrade twice; kill the upgrade at each statement, run it again, and compare."""
        _, after = self._databases_of_trace()
        copy = self._databases.copy(after)
        again = self._databases.run(copy.url, "upgrade", trace.revision)
        twice = [described(again.error)] if again.error else list(self._sentences(copy))
        self._databases.drop(copy)
        statements = [statement.sql for statement in trace.upgrade for _ in range(statement.count)]
        outside = [statement for statement in trace.upgrade if statement.cannot_run_in_transaction]
        kills = 0
        failures: list[str] = []
        for number in _spread(len(statements)):
            kills += 1
            failures += self._killed(
                trace, f"after statement {number} ({in_one_line(statements[number - 1], _SHOWN)})", kill_after=number
            )
        for number, statement in enumerate(outside, 1):
            kills += 1
            failures += self._killed(
                trace, f"in the middle of {in_one_line(statement.sql, _SHOWN)}", kill_during=number
            )
        return Repetition(tuple(twice), kills, tuple(failures))

    def new_code(self, trace: RevisionTrace) -> Compatibility:
        """Run statements of the code after on the schema before."""
        before, after = self._databases_of_trace()
        assert trace.after is not None  # noqa: S101 - there is no database after a failed upgrade
        with ApplicationStatements(after.url, self._databases.project.statements) as code:
            return code.try_on(before.url)

    def _killed(self, trace: RevisionTrace, when: str, **kill: Any) -> Iterator[str]:
        """Kill an upgrade and run it again.

        Yields:
            A sentence when that does not end as an undisturbed upgrade.
        """
        before, _ = self._databases_of_trace()
        copy = self._databases.copy(before)
        self._databases.run(copy.url, "upgrade", trace.revision, trace=True, **kill)
        result = self._databases.run(copy.url, "upgrade", trace.revision)
        if result.error is not None:
            yield f"Killed {when}, the upgrade cannot be run again: {described(result.error)}"
        else:
            sentences = "; ".join(self._sentences(copy))
            if sentences:
                yield f"Killed {when} and run again, the upgrade ends elsewhere: {sentences}"
        self._databases.drop(copy)

    def _databases_of_trace(self) -> tuple[RevisionDatabase, RevisionDatabase]:
        before, after = self._line.before, self._line.after
        if before is None or after is None:
            raise ValueError("no revision was traced, or its upgrade failed")
        return before, after

    def _sentences(self, database: RevisionDatabase) -> Iterator[str]:
        schemas, rows = self._difference(database)
        yield from schemas.sentences()
        yield from rows.sentences()

    def _difference(self, database: RevisionDatabase) -> tuple[schema.SchemaDifference, DataDifference]:
        """Compare a database with the one that the upgrade left."""
        expected, rows, volatile = self._end()
        found, differing = self._databases.snapshot(database), data.compare(rows, self._databases.digest(database))
        stable = tuple(change for change in differing.changes if (change.subject, change.kind) not in volatile)
        return schema.compare(expected, found, ignore={"position"}), DataDifference(stable)

    def _end(self) -> tuple[SchemaSnapshot, DataDigest, frozenset[tuple[str, DataChangeKind]]]:
        """Read what the upgrade left, and which values are others each time: clocks, random and running numbers."""
        if self._ends is None:
            before, after = self._databases_of_trace()
            found, rows = self._databases.snapshot(after), self._databases.digest(after)
            copy = self._databases.copy(before)
            advance_sequences(self._databases.session(copy))
            (revision,) = after.applied - before.applied
            self._databases.run(copy.url, "upgrade", revision)
            difference = data.compare(rows, self._databases.digest(copy))
            self._databases.drop(copy)
            self._ends = found, rows, frozenset((change.subject, change.kind) for change in difference.changes)
        return self._ends


class _Climber:
    """Goes up, down and up again with each revision of a line, on one database and one connection of the project."""

    def __init__(
        self, prover: SandboxRevisionProver, databases: RevisionDatabases, flight: Sequence[HistoryEntry]
    ) -> None:
        self.done = 0
        self._prover = prover
        self._databases = databases
        self._flight = flight
        self._exact: dict[str, RevisionTrace] = {}
        self._database: RevisionDatabase
        self._states: list[tuple[SchemaSnapshot, DataDigest]] = []

    def climb(self) -> dict[str, RevisionTrace]:
        """Climb as far as every step gives everything back."""
        try:
            self._database = self._databases.at(self._flight[0].parents)
        except CannotBuildError:
            return {}
        self._states = [self._look()]
        steps = tuple(
            (entry.revision, direction) for entry in self._flight for direction in ("upgrade", "downgrade", "upgrade")
        )
        result = self._databases.run(self._database.url, "stairs", steps=steps, stepped=self._stepped, trace=True)
        self._databases.drop(self._database)
        # what found no row was not seen, and what inserts rows may find them there: it is looked at by itself
        ran = {
            revision: [one for run in result.runs if run.revision == revision for one in run.statements]
            for revision in self._exact
        }
        return {
            revision: trace
            for revision, trace in self._exact.items()
            if not any(map(found_nothing, ran[revision]))
            and not losses_not_seen(replace(trace, upgrade=tuple(ran[revision])))
            and not inserted_into(replace(trace, upgrade=tuple(ran[revision])))
        }

    def _stepped(self, *_: str) -> bool:
        self._states.append(self._look())
        match self._states:
            case [before, _, restored]:
                return _is_same(before, restored)
            case [before, after, restored, again]:
                if not _is_same(after, again):
                    return False
                entry = self._flight[self.done]
                difference = schema.compare(before[0], after[0], ignore={"position"})
                names = [*difference.missing, *difference.unexpected, *(one.key for one in difference.changed)]
                touched = {name if kind == "table" else split(name)[0] for kind, name in names}
                self._exact[entry.revision] = self._prover.describe(
                    entry,
                    before=before[0],
                    after=after[0],
                    restored=restored[0],
                    undone=DataDifference(),
                    unmade_edges=self._databases.unmade_edges(self._database, touched & before[0].names("table")),
                    valueless=before[1].valueless,
                    unchanged=data.unchanged(before[1], after[1]),
                    unread={name: why for _, rows in self._states for name, why in rows.unread.items()},
                )
                self.done += 1
                self._database = self._databases.filled(self._database)
                self._states = [(again[0], self._databases.digest(self._database))]
        return True

    def _look(self) -> tuple[SchemaSnapshot, DataDigest]:
        return self._databases.snapshot(self._database), self._databases.digest(self._database)


def _is_same(one: tuple[SchemaSnapshot, DataDigest], other: tuple[SchemaSnapshot, DataDigest]) -> bool:
    return not schema.compare(one[0], other[0], ignore={"position"}) and not data.compare(one[1], other[1])


def _flight(
    entries: Sequence[HistoryEntry], history: History, is_landing: Callable[[Iterable[str]], bool]
) -> list[HistoryEntry]:
    """Return the first revisions that follow each other in a line, up to where rows are made anew."""
    flight = [entries[0]]
    applied = {*history.ancestors(entries[0].parents), entries[0].revision}
    for entry in entries[1:]:
        if history.ancestors(entry.parents) != applied or is_landing(entry.parents):
            break
        flight.append(entry)
        applied.add(entry.revision)
    return flight


def _spread(count: int) -> list[int]:
    """Return the numbers of statements after which to kill: all, or the first, the last and evenly between."""
    if count <= _MOST_KILLS:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (_MOST_KILLS - 1)) for step in range(_MOST_KILLS)})
