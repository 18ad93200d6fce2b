"""A user with a project of its own, who runs `migrate` on it as a whole process."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support import process_environment

_SECONDS = 900
_LINGER = "30"  # seconds that a sandbox's server waits for the next command
_REVISION = '''"""{revision}"""
{imports}
revision = {revision!r}
down_revision = {down!r}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
'''
_ORDERS = 'op.execute("CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric NOT NULL)")'
PLAIN_ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("postgresql+psycopg://nobody@production.invalid/shop").connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_INI = """[alembic]
script_location = %(here)s
version_locations = %(here)s/versions
path_separator = os
prepend_sys_path = .
"""


@dataclass(frozen=True)
class Account:
    """Whose processes they are: the tests' own, or those of another user, whom only root can be."""

    name: str
    uid: int
    gid: int

    def starts(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that start a process as this account."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@cache
def accounts() -> tuple[Account, ...]:
    """Return who may run a command from here: of root's Python in root's home, nobody else."""
    if os.geteuid() != 0:
        return (Account("user", os.geteuid(), os.getegid()),)
    root, nobody = Account("root", 0, 0), pwd.getpwnam("nobody")
    other = Account("other", nobody.pw_uid, nobody.pw_gid)
    try:
        subprocess.run([sys.executable, "-c", "import psycopg"], check=True, capture_output=True, **other.starts())
    except (PermissionError, subprocess.CalledProcessError):
        return (root,)
    return root, other


needs_another = pytest.mark.skipif(
    os.geteuid() == 0 and len(accounts()) == 1,
    reason="another user may not run this Python: install it outside of root's home, or let others pass (chmod o+x)",
)


@dataclass(frozen=True)
class User:
    """A user with a project.

    Attributes:
        account: Who it is.
        folder: What is its own: the project, its home.
        sandbox: The folder of the sandbox's server, which several users of one account share.
    """

    account: Account
    folder: Path
    sandbox: Path

    @property
    def project(self) -> Path:
        """The folder of the project."""
        return self.folder / "project"

    @property
    def home(self) -> Path:
        """The folder of the user's own files."""
        return self.folder / "home"

    def migrate(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `migrate` as this user would."""
        return subprocess.run(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", *arguments],
            cwd=self.project,
            env=process_environment(**self.environment(), **environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            **self.account.starts(),
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that the user has set."""
        return {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "HEXALEMBIC_SANDBOX_DIR": str(self.sandbox),
            "HEXALEMBIC_POSTGRES_LINGER": _LINGER,
        }

    def write_statements(self, statements: dict[str, str], body: Callable[[str], str]) -> None:
        """Write one revision a statement, each a branch of its own, that the tests' own Python can run."""
        self.start(PLAIN_ENV)
        for name, statement in statements.items():
            self.revision(name, "r0", body(statement))
        self.own(self.folder)

    def start(self, env: str, settings: str = "") -> None:
        """Begin a project anew: its env.py, its alembic.ini, and a revision with one table."""
        shutil.rmtree(self.project, ignore_errors=True)
        (self.project / "versions").mkdir(parents=True)
        self.home.mkdir(exist_ok=True)
        (self.project / "env.py").write_text(env, encoding="utf-8")
        (self.project / "alembic.ini").write_text(_INI + settings, encoding="utf-8")
        self.revision("r0", None, _ORDERS, 'op.drop_table("orders")')

    def revision(
        self,
        revision: str,
        down: str | None,
        upgrade: str,
        downgrade: str = "pass",
        imports: str = "from alembic import op",
    ) -> None:
        """Write a revision; bodies are indented by four spaces."""
        text = _REVISION.format(revision=revision, down=down, upgrade=upgrade, downgrade=downgrade, imports=imports)
        (self.project / "versions" / f"{revision}.py").write_text(text, encoding="utf-8")

    def own(self, folder: Path) -> None:
        """Give a folder and what is in it to the account."""
        if self.account.uid != os.geteuid():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid)


@contextmanager
def folder_for_everybody(prefix: str) -> Iterator[Path]:
    """Make a folder that other users get into, with a path that is short enough for sockets, and delete it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
