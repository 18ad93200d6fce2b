"""The proof that an upgrade can be undone and run again."""

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.expected_end import ExpectedEnd
from adapter.outbound.migration.trial.rows_there import carry_rows
from domain.migration import digest as data
from domain.migration.digest import DataDifference
from domain.migration.trace import RevisionTrace
from domain.migration.verification.proof import Again
from domain.migration.verification.rows_there import inserted_into, spares


def upgrade_again(trace: RevisionTrace, before: Database, after: Database, end: ExpectedEnd) -> Again:
    """Undo a revision, upgrade again, and compare the state with the one after the first upgrade.

    The revision is also upgraded and undone on a database that already has the rows which it inserts.

    Args:
        trace: The trace of the revision.
        before: The database before it.
        after: The upgraded database.
        end: The state of the upgraded database.
    """
    with after.copy() as copy:
        for command in (Command.UNDO, Command.UPGRADE):
            result = copy.run(command, trace.revision)
            if result.error is not None:
                return Again(f"{command} after the first upgrade: {described(result.error)}")
        schema_difference, row_difference = end.difference(copy)
    return Again(None, schema_difference, row_difference, _lost_existing_rows(trace, before, after, end))


def _lost_existing_rows(trace: RevisionTrace, before: Database, after: Database, end: ExpectedEnd) -> DataDifference:
    """Upgrade and undo a database that already has the rows which the upgrade inserts.

    Returns:
        The losses in tables where the upgrade kept the existing rows and the downgrade removed them.
    """
    tables = inserted_into(trace)
    if not tables:
        return DataDifference()
    usual_states = before.digest(), end.rows
    with before.copy() as copy:
        carry_rows(after.session(), copy.session(), tables)
        states = [copy.digest()]
        for command in (Command.UPGRADE, Command.UNDO):
            if copy.run(command, trace.revision).error is not None:
                return DataDifference()  # the revision refuses the existing rows, so it cannot remove them
            states.append(copy.digest())
    spared_tables = {table for table in tables if spares(table, usual_states, (states[0], states[1]))}
    known_losses = {change.subject for change in trace.undone.losses} if trace.undone else set()
    losses = data.compare(states[0], states[2]).losses
    return DataDifference(tuple(change for change in losses if change.subject in spared_tables - known_losses))
