"""The attacker: a project whose revisions and env.py try to reach the victim, and a user that runs `migrate` on it."""

import ast
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.database import embedded
from tests.integration.isolation.victim import PASSWORD, Victim
from tests.support import process_environment

HERE = Path(__file__).parent
OVER = ("tcp", "socket", "abstract")
LATER = 4.0  # seconds after which what was left running has connected, too
_SECONDS = 900
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
_ALTER = """op.execute("ALTER TABLE orders ADD COLUMN note text")
    op.execute("DELETE FROM orders WHERE id > 0")
    note(*wanted(), answered=op.get_bind().exec_driver_sql("SELECT current_database()").scalar())"""
_ENV = """
from alembic import context
import env_ways
from attempt import address, note, wanted

def run(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

way, over = wanted()
try:
    getattr(env_ways, way)(address(way, over), run)
except Exception as error:
    note(way, over, refused=f"{type(error).__name__}: {error}")
    raise
"""
_ENV_PLAIN = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("postgresql+psycopg2://nobody@production.invalid/shop").connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_INI = """[alembic]
script_location = %(here)s
version_locations = %(here)s/versions
path_separator = os
prepend_sys_path = .
sqlalchemy.url = postgresql+psycopg2://app:{password}@127.0.0.1:{port}/shop
"""


@dataclass(frozen=True)
class Way:
    """A way to connect.

    Attributes:
        module: The file in `ways/` that has it; None for one of env.py.
        name: Of the function: stable, and the role that the victim's log shows.
        title: What the table of docs/isolation.md calls it.
    """

    module: str | None
    name: str
    title: str


@dataclass(frozen=True)
class Outcome:
    """How a way ended.

    Attributes:
        answered: The database that it got to; empty when it got to none.
        refused: The error that it got; empty when it got none.
    """

    way: str
    over: str
    answered: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Account:
    """The user that runs `migrate`: the tests' own, or another one, which only root can be."""

    name: str
    uid: int
    gid: int


def accounts() -> list[Account]:
    """Return who may run the attack from here."""
    if os.geteuid() != 0:
        return [Account("user", os.geteuid(), os.getegid())]
    other = pwd.getpwnam("nobody")
    return [Account("root", 0, 0), Account("other", other.pw_uid, other.pw_gid)]


def revision_ways() -> list[Way]:
    """Return the ways of `ways/*_ways.py`, in the order of the files."""
    return [way for file in sorted((HERE / "ways").glob("*_ways.py")) for way in _ways(file, file.stem)]


def env_ways() -> list[Way]:
    """Return the ways of `env_ways.py`."""
    return list(_ways(HERE / "env_ways.py", None))


def _ways(file: Path, module: str | None) -> Iterator[Way]:
    """Read names and docstrings without importing: the drivers are not installed here."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and [one.arg.strip("_") for one in node.args.args][:1] == ["to"]:
            if not node.name.startswith("_"):
                yield Way(module, node.name, ast.get_docstring(node) or "")


@dataclass(frozen=True)
class Attacker:
    """A user with an attacking project.

    Attributes:
        victim: Whom it attacks.
        account: Who it is.
        folder: What is its own: the project, its home.
        sandbox: The folder of the sandbox's server, which several attackers of one account share.
        python: An interpreter with all drivers.
    """

    victim: Victim
    account: Account
    folder: Path
    sandbox: Path
    python: Path

    @property
    def project(self) -> Path:
        """The folder of the project."""
        return self.folder / "project"

    def migrate(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `migrate` as this user would, with production in its environment, and wait for what it left running."""
        owner = {} if self.account.uid == os.geteuid() else {"user": self.account.uid, "group": self.account.gid}
        done = subprocess.run(
            [sys.executable, "-m", "adapter.inbound.cli.migrate", *arguments],
            cwd=self.project,
            env=process_environment(**self._environment(), **environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            **owner,  # type: ignore[call-overload]
            **({"extra_groups": []} if owner else {}),
        )
        return done

    def _environment(self) -> dict[str, str]:
        victim, home = self.victim, self.folder / "home"
        return {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "HEXALEMBIC_SANDBOX_DIR": str(self.sandbox),
            "HEXALEMBIC_POSTGRES_LINGER": "30",
            "DATABASE_URL": f"postgresql://inherited_url@127.0.0.1:{victim.port}/shop",
            "SHOP_DSN_TCP": f"postgresql://inherited_dsn@127.0.0.1:{victim.port}/shop",
            "SHOP_DSN_SOCKET": f"postgresql://inherited_dsn@/shop?host={victim.sockets}&port={victim.port}",
            "SHOP_DSN_ABSTRACT": f"postgresql://inherited_dsn@/shop?host={victim.abstract}&port={victim.port}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(victim.port),
            "PGUSER": "inherited",
            "PGDATABASE": "shop",
            "PGSERVICEFILE": str(home / ".pg_service.conf"),
            "PGPASSFILE": str(home / ".pgpass"),
        }

    def outcomes(self) -> list[Outcome]:
        """Return how the ways ended that were tried since the last call."""
        file = self.project / "outcomes.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        found = []
        for line in lines:
            given = json.loads(line)
            answered = given.get("answered", "")
            if answered.startswith("later: "):
                later = Path(answered.removeprefix("later: "))
                said = later.read_text(encoding="utf-8").strip() if later.exists() else "refused: ended with the command"
                failed = "refused" in said or "rror:" in said or not said
                found.append(Outcome(given["way"], given["over"], *(("", said) if failed else (said, ""))))
            else:
                found.append(Outcome(given["way"], given["over"], answered, given.get("refused", "")))
        return found

    def write(self, ways: list[Way], over: tuple[str, ...]) -> None:
        """Write one revision a way, each a branch of its own, so that none hides another."""
        self._start(_ENV_PLAIN)
        imports = "from attempt import attempt"
        for way in ways:
            # what was created in the sandbox's server for one place must not stand in the way of the next
            for places in [(place,) for place in over] if way.module == "server_ways" else [over]:
                name = way.name + ("" if places == over else f"_{places[0]}")
                self._revision(name, "r0", f"attempt({way.module!r}, {way.name!r}, {places!r})", imports=imports)
        self._own()

    def write_env(self) -> None:
        """Write a project whose env.py connects as `ATTACK_WAY` says."""
        self._start(_ENV)
        imports = "from alembic import op\nfrom attempt import note, wanted"
        self._revision("r1", "r0", _ALTER, 'op.drop_column("orders", "note")', imports)
        self._own()

    def _start(self, env: str) -> None:
        shutil.rmtree(self.project, ignore_errors=True)
        shutil.copytree(HERE / "ways", self.project / "ways", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("attempt.py", "env_ways.py"):
            shutil.copy(HERE / name, self.project)
        (self.project / "versions").mkdir()
        (self.project / "server").mkdir()
        (self.project / "env.py").write_text(env, encoding="utf-8")
        ini = _INI.format(password=PASSWORD, port=self.victim.port)
        (self.project / "alembic.ini").write_text(ini, encoding="utf-8")
        self._revision("r0", None, _ORDERS, 'op.drop_table("orders")')
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        services = [
            f"[production_{over}]\nhost={host}\nport={self.victim.port}\nuser=app\ndbname=shop\n"
            for over, host in self._hosts().items()
        ]
        (home / ".pg_service.conf").write_text("".join(services), encoding="utf-8")
        (home / ".pgpass").write_text(f"*:*:*:app:{PASSWORD}\n", encoding="utf-8")
        (home / ".pgpass").chmod(0o600)
        victim = {
            "host": "127.0.0.1",
            "socket": str(self.victim.sockets),
            "abstract": self.victim.abstract,
            "port": self.victim.port,
            "psql": str(embedded.binary("psql", 18)),
            "libpq": str(embedded.binary("psql", 18).parents[1] / "lib" / "libpq.so.5"),
            "victim_data": str(self.victim.data),
            "victim_pid": self.victim.pid,
            "test_pid": os.getpid(),
            "test_namespace": os.readlink("/proc/self/ns/mnt"),
        }
        (self.project / "victim.json").write_text(json.dumps(victim), encoding="utf-8")

    def _hosts(self) -> dict[str, str]:
        return {"tcp": "127.0.0.1", "socket": str(self.victim.sockets), "abstract": self.victim.abstract}

    def _revision(
        self, revision: str, down: str | None, upgrade: str, downgrade: str = "pass", imports: str = "from alembic import op"
    ) -> None:
        text = _REVISION.format(revision=revision, down=down, upgrade=upgrade, downgrade=downgrade, imports=imports)
        (self.project / "versions" / f"{revision}.py").write_text(text, encoding="utf-8")

    def _own(self) -> None:
        """Give everything to the account; the server that runs as another user writes into one folder."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.account.uid, self.account.gid)
        (self.project / "server").chmod(0o777)


@contextmanager
def attacker(victim: Victim, account: Account, sandbox: Path, python: Path) -> Iterator[Attacker]:
    """Make an attacker, and delete what it had."""
    folder = Path(tempfile.mkdtemp(prefix="hxa", dir="/tmp"))  # noqa: S108 - other users must get there
    try:
        folder.chmod(0o755)
        yield Attacker(victim, account, folder, sandbox, python)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
