"""A small Alembic project with this project's `env.py` and revisions that a test writes."""

from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config

from tests.support import PROJECT_ROOT, alembic_config

_TEMPLATE = '''"""{revision}"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade() -> None:
{upgrade}


def downgrade() -> None:
{downgrade}
'''

_PLAIN_ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("postgresql+psycopg://nowhere.invalid/none").connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


@dataclass(frozen=True)
class History:
    """Revisions in a folder of their own.

    Attributes:
        folder: Where they are.
    """

    folder: Path

    def add(self, revision: str, down_revision: str | None, upgrade: str, downgrade: str = "pass") -> None:
        """Write a revision; bodies are Python source, lines parted by newlines."""
        text = _TEMPLATE.format(
            revision=revision,
            down_revision=down_revision,
            upgrade=_indented(upgrade),
            downgrade=_indented(downgrade),
        )
        (self.folder / f"{revision}.py").write_text(text, encoding="utf-8")

    def config(self, url: str, **x_arguments: str) -> Config:
        """Return a configuration for `alembic.command`."""
        config = alembic_config(url)
        config.set_main_option("version_locations", str(self.folder))
        config.cmd_opts = _Options(x=[f"{name}={value}" for name, value in x_arguments.items()])  # type: ignore[assignment]
        return config

    def ini(self) -> Path:
        """Write an `alembic.ini` for the command line and give its path."""
        text = (PROJECT_ROOT / "alembic.ini").read_text(encoding="utf-8")
        text = text.replace("%(here)s", str(PROJECT_ROOT)).replace(
            "[alembic]\n", f"[alembic]\nversion_locations = {self.folder}\n"
        )
        path = self.folder / "alembic.ini"
        path.write_text(text, encoding="utf-8")
        return path

    def plain_ini(self) -> Path:
        """Write an Alembic project around the revisions with the plainest env.py, whose URL points nowhere."""
        project = self.folder.parent / f"{self.folder.name}_project"
        project.mkdir()
        (project / "env.py").write_text(_PLAIN_ENV, encoding="utf-8")
        path = project / "alembic.ini"
        path.write_text(
            f"[alembic]\nscript_location = {project}\nversion_locations = {self.folder}\npath_separator = os\n",
            encoding="utf-8",
        )
        return path


@dataclass
class _Options:
    x: list[str]


def _indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
