"""One experiment with one revision, on databases of the sandbox."""

from collections.abc import Collection, Mapping
from functools import cached_property

from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.trial.calibration import calibrate
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.expected_end import ExpectedEnd
from adapter.outbound.migration.trial.repetition import repeat
from adapter.outbound.migration.trial.second_upgrade import upgrade_again
from adapter.outbound.migration.trial.states import TrialDatabases
from application.migration.ports.trials import Trial
from domain.migration.compatibility import Compatibility
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.proof import Again, Repetition


class SandboxTrial(Trial):
    """A trial on databases of a sandbox."""

    def __init__(self, databases: RevisionDatabases, states: TrialDatabases, trace: RevisionTrace) -> None:
        """Create a trial of a revision that has been traced.

        Args:
            databases: Make databases.
            states: The databases that the trace has left.
            trace: The trace.
        """
        self.trace = trace
        self._databases = databases
        self._states = states

    def calibrate(self, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Run the upgrade again, on tables of doubling size."""
        before = self._states.before
        if before is None or self._states.schema is None or not self._databases.project.rows:
            return ()
        return calibrate(self._databases, before, self.trace, tables)

    def unmade_edges(self) -> Mapping[str, str]:
        """Return the values at the edges of types that no row has in the tables that the revision touches."""
        if self.trace.after is None or self._states.before is None:
            return {}
        touched_tables = {
            *self.trace.locks,
            *(table for statement in self.trace.upgrade for table in statement.rows),
        }
        return self._databases.rows.unmade_edges(self._states.before, touched_tables & self.trace.tables.keys())

    def upgrade_again(self) -> Again:
        """Undo the revision, upgrade again, and compare the states."""
        return upgrade_again(self.trace, *self._both, self._end)

    def repeat(self) -> Repetition:
        """Upgrade twice in a row; also kill the upgrade at each statement, run it again, and compare the states."""
        return repeat(self.trace, *self._both, self._end)

    def new_code(self) -> Compatibility:
        """Run statements that fit the schema after the upgrade on the schema before it."""
        before, after = self._both
        with ApplicationStatements(after.url, self._databases.project.statements, known=after.old_code) as application:
            return application.try_on(before.url)

    @property
    def _both(self) -> tuple[Database, Database]:
        """The databases before and after the upgrade."""
        before, after = self._states.before, self._states.after
        if before is None or after is None:
            raise ValueError("the upgrade failed, or the state before it was not kept")
        return before, after

    @cached_property
    def _end(self) -> ExpectedEnd:
        return ExpectedEnd(*self._both)
