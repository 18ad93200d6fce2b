"""Describes where the database is if Alembic finds no path from there to the requested revision."""

import re

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from adapter.outbound.database.upgrade.call import options_here
from adapter.outbound.postgres.commands import reachable
from adapter.outbound.postgres.errors import HINT


def refuse_behind(script: ScriptDirectory, migration: MigrationContext) -> None:
    """Refuse to compare the models with a database that is not at the newest revision.

    Raises:
        CommandError: The database is not at the newest revision.
    """
    revision_context = migration.opts.get("revision_context")
    if revision_context is None or not revision_context.command_args["autogenerate"]:
        return
    current, heads = migration.get_current_heads(), script.get_heads()
    if set(script.get_revisions(current)) != set(script.get_revisions("heads")):
        raise refusal(
            f"Target database is not up to date: it is at {_names(current)}, and the code at {_names(heads)}."
            f"{HINT}alembic upgrade {'head' if len(heads) == 1 else 'heads'}, then run this again."
        )


def refusal(message: str) -> CommandError:
    """Return an Alembic error in which commands are written as the shell finds them."""
    return CommandError(reachable(message, options_here()))


def describe_walk(error: CommandError, script: ScriptDirectory, migration: MigrationContext) -> CommandError:
    """Return an Alembic error with the state of the database and a hint; one with a hint is returned unchanged."""
    if HINT in str(error):
        return error
    destination = migration.opts.get("destination_rev")
    steps = re.fullmatch(r"[+-]\d+", destination) if isinstance(destination, str) else None
    if steps is None:
        return refusal(f"{str(error).rstrip('.')}.{HINT}alembic history shows the revisions that there are.")
    current = migration.get_current_heads()
    where = f"The database is at {_names(current)}"
    command = "downgrade" if steps[0].startswith("-") else "upgrade"
    if command == "downgrade" and not current:
        return refusal(f"{where}: there is nothing to take back ({error}).{HINT}Bring it up: alembic upgrade head")
    parents = [parent for revision in script.get_revisions(current) for parent in revision._versioned_down_revisions]  # noqa: SLF001
    choices = current if len(current) > 1 or command == "upgrade" else parents
    if len(choices) > 1:
        return refusal(
            f"{where}, from where {steps[0]} may mean several ways: {', '.join(choices)} ({error})."
            f"{HINT}Name the revision to go to: alembic {command} REVISION; alembic history shows them."
        )
    end = "base" if command == "downgrade" else "heads"
    return refusal(
        f"{where}, from where there is no way of {steps[0]} steps ({error})."
        f"{HINT}Name the revision to go to, or go all the way: alembic {command} {end}"
    )


def _names(revisions: tuple[str, ...] | list[str]) -> str:
    return ", ".join(revisions) or "no revision"
