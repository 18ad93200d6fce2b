"""Runs Alembic's own commands in this process, with the configuration, env.py and log lines of the command line.

The agent would do it in a process of its own, as for other projects. That process would import all that this one
imports for the status right afterwards: 0.7 s of a processor's time, where an upgrade with nothing to do and its status
take 1.2 s.
"""

from dataclasses import dataclass

from alembic import command
from alembic.config import Config

from adapter.outbound.database.settings import PROJECT_ROOT
from adapter.outbound.database.this_project import ThisProject
from adapter.outbound.postgres.url import DatabaseURL


@dataclass(frozen=True)
class InThisProcess:
    """Upgrades the database of this project; it implements the port `Upgrader`.

    Attributes:
        database: The database.
        url: The URL that the user has given for it; None where env.py finds it as this process did.
    """

    database: DatabaseURL
    url: str | None

    def upgrade(self) -> ThisProject:
        """Run `alembic upgrade head`.

        Raises:
            alembic.util.CommandError: The upgrade failed; the command line would print the message after FAILED.
        """
        config = Config(PROJECT_ROOT / "alembic.ini")
        config.attributes["url"] = self.url
        command.upgrade(config, "head")
        return ThisProject(self.database)
