"""Revisions up, down and up again, in one job for many of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from adapter.outbound.migration.catalog.contradictions import read_contradictions
from adapter.outbound.migration.catalog.passwords import other_passwords, read_passwords
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.results import AgentRun
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.described import describe
from adapter.outbound.migration.trial.unreported import (
    ServerState,
    read_changed_state,
    read_server_state,
    unreported_changes,
    unseen_work,
)
from adapter.outbound.migration.trial.zones import depends_on_zone
from domain.migration import digest as data
from domain.migration import snapshot as schema
from domain.migration.analysis.unseen import found_nothing, work_not_done
from domain.migration.digest import DataDifference, DataDigest
from domain.migration.history import History, HistoryEntry
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace, UnreportedChange
from domain.migration.verification.rows_there import inserted_into
from domain.migration.verification.unseen_losses import losses_not_seen


def climb(databases: RevisionDatabases, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
    """Run each revision up, down and up again, and compare the states.

    Args:
        databases: Make the databases.
        entries: The revisions, in order.

    Returns:
        By revision, the trace of each one whose downgrade restored everything. It has catalogs and no statements.
    """
    exact_traces: dict[str, RevisionTrace] = {}
    remaining = list(entries)
    while remaining:
        flight = _flight(remaining, databases.history(), databases.is_landing)
        climber = _Climber(databases, flight)
        exact_traces.update(climber.climb())
        # the revision that stopped the climb is skipped: the next flight starts behind it
        del remaining[: min(len(flight), climber.done + 1)]
    return exact_traces


class _Climber:
    """A run of a line of revisions, each up, down and up again, on one database and one connection of the project.

    Attributes:
        done: How many revisions have been run and restored everything.
    """

    def __init__(self, databases: RevisionDatabases, flight: Sequence[HistoryEntry]) -> None:
        self.done = 0
        self._databases = databases
        self._flight = flight
        self._exact_traces: dict[str, RevisionTrace] = {}
        self._database: Database
        self._states: list[tuple[SchemaSnapshot, DataDigest]] = []
        self._unmade_edges: Mapping[str, str] = {}
        self._server_state: ServerState
        self._passwords: Mapping[str, str] = {}
        self._upgrades: dict[str, tuple[ServerState, ServerState]] = {}  # before and after the upgrade of a revision

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
        self._server_state = self._read_server_state()
        self._passwords = read_passwords(self._database.session())
        steps = tuple(
            (entry.revision, direction) for entry in self._flight for direction in ("upgrade", "downgrade", "upgrade")
        )
        with self._database as database:
            result = database.run(Command.STAIRS, steps=steps, stepped=self._check_step, trace=True)
        if result.error is not None and result.error.kind == "forged":
            return {}  # nobody knows what was done: each is traced on its own, and the one that did it has the error
        return {
            revision: trace
            for revision, trace in self._exact_traces.items()
            if _is_seen(trace, [run for run in result.runs if run.revision == revision])
            and not self._unreported(revision, result.runs)
        }

    def _unreported(self, revision: str, runs: Iterable[AgentRun]) -> tuple[UnreportedChange, ...]:
        """Return what the upgrade of a revision changed that none of its statements did."""
        upgrade = next(run for run in runs if (run.revision, run.direction) == (revision, "upgrade"))
        states = self._upgrades[revision]
        tables = {table.name for table in states[0].tables.values() if table.kind == "table"}
        return (*unreported_changes(*states, upgrade.statements), *unseen_work(upgrade, tables))

    def _check_step(self, *_: str) -> bool:
        self._states.append(self._read_state())
        match self._states:
            case [_, _]:
                upgraded = read_changed_state(self._database.session(), self._server_state)
                self._upgrades[self._flight[self.done].revision] = self._server_state, upgraded
                changed_tables = self._server_state.changed_tables(upgraded)
                # what contradicts the catalog is traced on its own, where it is said
                return not read_contradictions(self._database.session(), self._server_state.following, changed_tables)
            case [before, after, restored]:
                # now, because the next upgrade takes columns away
                self._unmade_edges = self._databases.rows.unmade_edges(
                    self._database, _touched_tables(before[0], after[0])
                )
                return _is_same(before, restored) and not other_passwords(self._passwords, self._database.session())
            case [before, after, restored, upgraded_again]:
                if not _is_same(after, upgraded_again):
                    return False
                entry = self._flight[self.done]
                self._exact_traces[entry.revision] = describe(
                    self._databases,
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
                self._databases.rows.fill(self._database)
                self._states = [(upgraded_again[0], self._database.digest())]
                self._server_state = self._read_server_state()
                self._passwords = read_passwords(self._database.session())
        return True

    def _read_server_state(self) -> ServerState:
        return read_server_state(self._database.session(), self._states[0][1].tables)

    def _read_state(self) -> tuple[SchemaSnapshot, DataDigest]:
        return self._database.snapshot(), self._database.digest()


def _is_seen(trace: RevisionTrace, runs: Sequence[AgentRun]) -> bool:
    """Return whether the rows of the sandbox showed all that a revision does, up, down and up again.

    A statement that found no rows was not tested, nor was an upgrade that did nothing. An UPDATE by values is tested on
    rows that have them, and rows that are inserted may exist already in production. What depends on the zone is run in
    two. Such revisions are traced on their own.
    """
    upgrade, downgrade = (
        tuple(statement for run in runs if run.direction == direction for statement in run.statements)
        for direction in ("upgrade", "downgrade")
    )
    whole = replace(trace, upgrade=upgrade, downgrade=downgrade)
    one_way = replace(trace, upgrade=(*upgrade, *downgrade))  # what the downgrade does may lose as much
    return (
        not depends_on_zone(trace)
        and not any(
            found_nothing(statement)
            or statement.compared
            or statement.searched
            or statement.unexplained
            or statement.catalogs
            or statement.renamed
            for statement in one_way.upgrade
        )
        and not losses_not_seen(whole)
        and not losses_not_seen(one_way)
        and work_not_done(whole) is None
        and not inserted_into(one_way)
    )


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
