"""Proves in a sandbox that a revision can be undone, repeated after any interruption, and run beside other code."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from adapter.outbound.database.migration.application_statements import ApplicationStatements
from adapter.outbound.database.migration.revision_databases import (
    RevisionDatabase,
    described,
    read_digest,
    read_snapshot,
)
from adapter.outbound.database.migration.revision_tracer import SandboxRevisionTracer
from application.migration.ports import Conditions, RevisionProver
from domain.migration import digest as data
from domain.migration import snapshot as schema
from domain.migration.certificate import Declaration
from domain.migration.compatibility import Compatibility
from domain.migration.digest import DataDifference, DataDigest
from domain.migration.history import HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace
from domain.migration.verification import Again, Repetition

_SEED = 1  # the filler makes the same rows each time
_MOST_KILLS = 40  # of one revision: more statements than that are a loop, of which the first, the last and some count
_SHOWN = 70


class SandboxRevisionProver(SandboxRevisionTracer, RevisionProver):
    """Proves revisions on the databases that their traces have left."""

    _ends: tuple[SchemaSnapshot, DataDigest, frozenset[str]] | None = None

    def conditions(self) -> Conditions:
        """Tell what the proofs depend on."""
        return Conditions(self._databases.sandbox.server_version // 10_000, self._databases.project.rows, _SEED)

    def sha256(self, entry: HistoryEntry) -> str:
        """Give the SHA-256 of a revision's file."""
        return hashlib.sha256(Path(entry.path).read_bytes()).hexdigest()

    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Read what a revision says of its own downgrade."""
        listed = self._databases.listed(entry.revision)
        return Declaration.read(entry.revision, listed.lossy_downgrade, listed.irreversible)

    def trace(self, entry: HistoryEntry) -> RevisionTrace:
        """Run one revision up and down."""
        self._ends = None
        return super().trace(entry)

    def upgrade_again(self, trace: RevisionTrace) -> Again:
        """Undo the revision, upgrade again, and compare."""
        _, after = self._databases_of_trace()
        copy = self._databases.copy(after)
        for command in ("undo", "upgrade"):
            result = self._databases.run(copy.url, command, trace.revision)
            if result.error is not None:
                self._databases.drop(copy)
                return Again(f"{command} after the first upgrade: {described(result.error)}")
        schemas, rows = self._difference(copy)
        self._databases.drop(copy)
        return Again(None, schemas, rows)

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
                trace, f"after statement {number} ({_short(statements[number - 1])})", kill_after=number
            )
        for number, statement in enumerate(outside, 1):
            kills += 1
            failures += self._killed(trace, f"in the middle of {_short(statement.sql)}", kill_during=number)
        return Repetition(tuple(twice), kills, tuple(failures))

    def new_code(self, trace: RevisionTrace) -> Compatibility:
        """Run statements of the code after on the schema before."""
        before, after = self._databases_of_trace()
        assert trace.after is not None  # noqa: S101 - there is no database after a failed upgrade
        with ApplicationStatements(after.url) as code:
            return code.try_on(before.url)

    def _killed(self, trace: RevisionTrace, when: str, **kill: int) -> Iterator[str]:
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
        found, differing = read_snapshot(database.url), data.compare(rows, read_digest(database.url))
        stable = tuple(change for change in differing.changes if change.subject not in volatile)
        return schema.compare(expected, found, ignore={"position"}), DataDifference(stable)

    def _end(self) -> tuple[SchemaSnapshot, DataDigest, frozenset[str]]:
        """Read what the upgrade left, and which values are others each time: clocks, random numbers."""
        if self._ends is None:
            before, after = self._databases_of_trace()
            found, rows = read_snapshot(after.url), read_digest(after.url)
            copy = self._databases.copy(before)
            (revision,) = after.applied - before.applied
            self._databases.run(copy.url, "upgrade", revision)
            difference = data.compare(rows, read_digest(copy.url))
            self._databases.drop(copy)
            self._ends = found, rows, frozenset(change.subject for change in difference.changes)
        return self._ends


def _spread(count: int) -> list[int]:
    """Give the numbers of statements after which to kill: all, or the first, the last and evenly between."""
    if count <= _MOST_KILLS:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (_MOST_KILLS - 1)) for step in range(_MOST_KILLS)})


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
