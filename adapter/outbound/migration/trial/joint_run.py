"""Whether revisions that succeed one by one also succeed in one transaction."""

from collections.abc import Sequence

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.analysis.shared_transaction import JointFailure
from domain.migration.history import HistoryEntry


def fails_together(databases: RevisionDatabases, entries: Sequence[HistoryEntry]) -> JointFailure | None:
    """Run revisions in one transaction, as the project does, and return the failure that this causes.

    When the run fails, it is repeated with a commit after each revision. Only a failure that the commits prevent is
    caused by the shared transaction.

    Args:
        databases: Makes the databases.
        entries: The revisions, in order.

    Returns:
        The failure; None when there is none, or when it cannot be measured.
    """
    history, last = databases.history(), entries[-1]
    revisions = {entry.revision for entry in entries}
    if history.ancestors((last.revision,)) != history.ancestors(entries[0].parents) | revisions:
        return None  # the revisions are on more than one branch
    try:
        base = databases.at(entries[0].parents)
    except CannotBuildError:
        return None
    with base, base.copy() as control:
        joint = base.run(Command.UPGRADE, last.revision)
        if joint.error is None or not joint.runs or joint.runs[-1].revision not in revisions:
            return None
        separate = control.run(Command.STAIRS, steps=tuple((entry.revision, "upgrade") for entry in entries))
        return JointFailure(joint.runs[-1].revision, described(joint.error)) if separate.error is None else None
