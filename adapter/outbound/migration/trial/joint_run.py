"""Whether revisions that run one by one also run in one transaction."""

from collections.abc import Sequence

from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.analysis.shared_transaction import JointFailure
from domain.migration.history import HistoryEntry


def fails_together(databases: RevisionDatabases, entries: Sequence[HistoryEntry]) -> JointFailure | None:
    """Run revisions as the project does, in one transaction; where that fails, once more with a commit after each.

    Only what fails without the commits, and not with them, is a fault of the one transaction.
    """
    history, last = databases.history(), entries[-1]
    wanted = {entry.revision for entry in entries}
    if history.ancestors((last.revision,)) != history.ancestors(entries[0].parents) | wanted:
        return None  # more than one line
    try:
        base = databases.at(entries[0].parents)
    except CannotBuildError:
        return None
    control = databases.copy(base)
    joint = databases.run(base.url, "upgrade", last.revision)
    failure = None
    if joint.error is not None and joint.runs and joint.runs[-1].revision in wanted:
        steps = tuple((entry.revision, "upgrade") for entry in entries)
        apart = databases.run(control.url, "stairs", steps=steps)
        if apart.error is None:
            failure = JointFailure(joint.runs[-1].revision, described(joint.error))
    databases.drop(control)
    databases.drop(base)
    return failure
