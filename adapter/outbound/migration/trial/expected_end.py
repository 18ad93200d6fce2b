"""The state behind an upgrade, with which the states behind further upgrades are compared."""

from collections.abc import Iterator
from functools import cached_property

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.rows.sequences import advance_sequences
from adapter.outbound.migration.trial.database import Database
from domain.migration import digest as data
from domain.migration import snapshot as schema
from domain.migration.digest import DataChange, DataChangeKind, DataDifference, DataDigest
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot


class ExpectedEnd:
    """The schema and the rows behind an upgrade, without the values that differ after each upgrade.

    Such values come from clocks, random numbers and sequences. They are no fault of the revision.
    """

    def __init__(self, before: Database, after: Database) -> None:
        """Compare with an upgrade that has been run.

        Args:
            before: The database before the upgrade; it stays as it is.
            after: The upgraded database; it stays as it is.
        """
        self._before = before
        self._after = after

    @property
    def rows(self) -> DataDigest:
        """The rows behind the upgrade."""
        return self._state[1]

    def difference(self, database: Database) -> tuple[SchemaDifference, DataDifference]:
        """Return the differences between a database and the expected end."""
        expected_schema, expected_rows, volatile = self._state
        actual_schema, row_difference = database.snapshot(), data.compare(expected_rows, database.digest())
        stable_changes = tuple(
            change for change in row_difference.changes if (change.subject, change.kind) not in volatile
        )
        return schema.compare(expected_schema, actual_schema, ignore={"position"}), DataDifference(stable_changes)

    def sentences(self, database: Database) -> Iterator[str]:
        """Return one sentence for each difference between a database and the expected end."""
        schema_difference, row_difference = self.difference(database)
        yield from schema_difference.sentences()
        yield from row_difference.sentences()

    @cached_property
    def _state(self) -> tuple[SchemaSnapshot, DataDigest, frozenset[tuple[str, DataChangeKind]]]:
        """The schema, the rows, and the subject and kind of each change between two upgrades."""
        upgraded_schema, upgraded_rows = self._after.snapshot(), self._after.digest()
        changes = self._changes(upgraded_rows, advances=True)
        if any(change.kind is DataChangeKind.ROWS_REPLACED for change in changes):
            # under other keys, the values of a clock are not compared
            changes += self._changes(upgraded_rows, advances=False)
        volatile = frozenset((change.subject, change.kind) for change in changes)
        return upgraded_schema, upgraded_rows, volatile

    def _changes(self, upgraded_rows: DataDigest, *, advances: bool) -> tuple[DataChange, ...]:
        """Return the changes from an upgrade to another one, for which sequences may be advanced before."""
        with self._before.copy() as copy:
            if advances:
                advance_sequences(copy.session())
            (revision,) = self._after.applied - self._before.applied
            copy.run(Command.UPGRADE, revision)
            return data.compare(upgraded_rows, copy.digest()).changes
