"""Runs Alembic's own commands in this process, with the configuration, env.py and log lines of the command line."""

from alembic import command
from alembic.config import Config

from adapter.outbound.database.settings import PROJECT_ROOT


def upgrade_to_head() -> None:
    """Run `alembic upgrade head`.

    Raises:
        alembic.util.CommandError: The upgrade failed; the command line would print the message after FAILED.
    """
    command.upgrade(Config(PROJECT_ROOT / "alembic.ini"), "head")
