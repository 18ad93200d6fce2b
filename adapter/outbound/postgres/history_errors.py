"""Explains why Alembic cannot read a history of revisions."""

import re

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_CIRCLES = {"CycleDetected", "LoopDetected", "DependencyCycleDetected", "DependencyLoopDetected"}
TWICE = r"Revision (\S+) is present more than once"  # of a warning of Alembic's revision map
_NO_PARENT = re.compile(r"module '(\w+?)_py' has no attribute 'down_revision'")


def describe_history(kind: str, message: str) -> DatabaseConfigurationError | None:
    """Return an error for revisions of which Alembic can make no history; None for other errors.

    Args:
        kind: The name of the error's class, which Alembic raises.
        message: Its message.
    """
    if kind in _CIRCLES:
        names = re.search(r"\(([^()]+)\)|revision (\S+)", message)
        revisions = (names[1] or names[2]) if names else "of the history"
        return DatabaseConfigurationError(
            f"The revisions follow each other in a circle: {revisions}.",
            "Correct the down_revision or depends_on of one of them, so that it names a revision that came before.",
        )
    if twice := re.match(TWICE, message):
        return DatabaseConfigurationError(
            f"Two files have the revision id {twice[1]}.",
            "Delete one, or give it another id and name that as down_revision of the revision that follows it.",
        )
    if kind == "AttributeError" and (module := _NO_PARENT.search(message)):
        return DatabaseConfigurationError(
            f"The revision {module[1]}.py has no variable down_revision.",
            "Write the id of the revision before: down_revision = '…'; or None if it is the first.",
        )
    if kind == "KeyError":
        missing = message.strip("'\"")
        return DatabaseConfigurationError(
            f"A revision follows or depends on revision {missing}, which has no file.",
            f"Restore the file of revision {missing}, or correct the down_revision or depends_on that names it.",
        )
    return None
