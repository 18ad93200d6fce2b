"""Says where the database is, where Alembic finds no way from there to what was asked for."""

import re

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from adapter.outbound.postgres.commands import reachable
from adapter.outbound.postgres.errors import HINT


def refuse_behind(script: ScriptDirectory, migration: MigrationContext) -> None:
    """Refuse to compare the models with a database that is not at the newest revision.

    Raises:
        CommandError: It is behind.
    """
    asked = migration.opts.get("revision_context")
    if asked is None or not asked.command_args["autogenerate"]:
        return
    current, heads = migration.get_current_heads(), script.get_heads()
    if set(script.get_revisions(current)) != set(script.get_revisions("heads")):
        raise refusal(
            f"Target database is not up to date: it is at {_names(current)}, and the code at {_names(heads)}."
            f"{HINT}alembic upgrade {'head' if len(heads) == 1 else 'heads'}, then run this again."
        )


def refusal(said: str) -> CommandError:
    """Return an error of Alembic's whose hint names commands as the shell finds them."""
    return CommandError(reachable(said))


def describe_walk(error: CommandError, script: ScriptDirectory, migration: MigrationContext) -> CommandError:
    """Describe an error of Alembic's with where the database is, and a way out; one that has a hint stays."""
    if HINT in str(error):
        return error
    wanted = migration.opts.get("destination_rev")
    steps = re.fullmatch(r"[+-]\d+", wanted) if isinstance(wanted, str) else None
    if steps is None:
        return refusal(f"{str(error).rstrip('.')}.{HINT}alembic history shows the revisions that there are.")
    current = migration.get_current_heads()
    where = f"The database is at {_names(current)}"
    command = "downgrade" if steps[0].startswith("-") else "upgrade"
    if command == "downgrade" and not current:
        return refusal(f"{where}: there is nothing to take back ({error}).{HINT}Bring it up: alembic upgrade head")
    parents = [parent for one in script.get_revisions(current) for parent in one._versioned_down_revisions]  # noqa: SLF001
    ways = current if len(current) > 1 or command == "upgrade" else parents
    if len(ways) > 1:
        return refusal(
            f"{where}, from where {steps[0]} may mean several ways: {', '.join(ways)} ({error})."
            f"{HINT}Name the revision to go to: alembic {command} REVISION; alembic history shows them."
        )
    end = "base" if command == "downgrade" else "heads"
    return refusal(
        f"{where}, from where there is no way of {steps[0]} steps ({error})."
        f"{HINT}Name the revision to go to, or go all the way: alembic {command} {end}"
    )


def _names(revisions: tuple[str, ...] | list[str]) -> str:
    return ", ".join(revisions) or "no revision"
