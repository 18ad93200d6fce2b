"""Runs Alembic's own commands in this process: the same configuration, env.py and log lines as on the command line."""

from alembic import command
from alembic.config import Config

from adapter.outbound.database.settings import PROJECT_ROOT


def upgrade_to_head() -> None:
    """Run `alembic upgrade head`.

    Raises:
        alembic.util.CommandError: What the command line would print as FAILED.
    """
    command.upgrade(Config(PROJECT_ROOT / "alembic.ini"), "head")
