"""The attacker: a user whose revisions and env.py try to reach the victim."""

import ast
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.postgres import embedded
from tests.integration.isolation.user import PLAIN_ENV, User
from tests.integration.isolation.victim import PASSWORD, Victim

HERE = Path(__file__).parent
OVER = ("tcp", "socket", "abstract")
LATER = 4.0  # seconds after which what was left running has connected, too
INHERITED = ("inherited", "inherited_url", "inherited_dsn")  # users in the addresses that the environment has
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
        later: Whether that was after the revision had ended.
    """

    way: str
    over: str
    answered: str = ""
    refused: str = ""
    later: bool = False


def revision_ways() -> list[Way]:
    """Return the ways of `ways/*_ways.py`, in the order of the files."""
    return [way for file in sorted((HERE / "ways").glob("*_ways.py")) for way in _ways(file, file.stem)]


def env_ways() -> list[Way]:
    """Return the ways of `env_ways.py`."""
    return list(_ways(HERE / "env_ways.py", None))


def _ways(file: Path, module: str | None) -> Iterator[Way]:
    """Read names and docstrings without importing: the drivers are not installed here."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        if [one.arg.strip("_") for one in node.args.args][:1] == ["to"]:
            yield Way(module, node.name, ast.get_docstring(node) or "")


@dataclass(frozen=True)
class Attacker(User):
    """A user with an attacking project.

    Attributes:
        victim: Whom it attacks.
        python: An interpreter with all drivers.
    """

    victim: Victim
    python: Path

    def environment(self) -> dict[str, str]:
        """Return the variables of a user whose production is the victim."""
        port = self.victim.port
        dsn = {
            f"SHOP_DSN_{over.upper()}": f"postgresql://inherited_dsn@/shop?host={host}&port={port}"
            for over, host in self._hosts().items()
        }
        return {
            **super().environment(),
            **dsn,
            "DATABASE_URL": f"postgresql://inherited_url@127.0.0.1:{port}/shop",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": "inherited",
            "PGDATABASE": "shop",
            "PGSERVICEFILE": str(self.home / ".pg_service.conf"),
            "PGPASSFILE": str(self.home / ".pgpass"),
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
                said = (
                    later.read_text(encoding="utf-8").strip() if later.exists() else "refused: ended with the command"
                )
                failed = "refused" in said or "rror:" in said or not said
                found.append(Outcome(given["way"], given["over"], *(("", said) if failed else (said, "")), later=True))
            else:
                found.append(Outcome(given["way"], given["over"], answered, given.get("refused", "")))
        return found

    def write(self, ways: list[Way], over: tuple[str, ...]) -> None:
        """Write one revision a way, each a branch of its own, so that none hides another."""
        self._start(PLAIN_ENV.replace("+psycopg:", "+psycopg2:"))
        imports = "from attempt import attempt"
        for way in ways:
            # what was created in the sandbox's server for one place must not stand in the way of the next
            for places in [(place,) for place in over] if way.module == "server_ways" else [over]:
                name = way.name + ("" if places == over else f"_{places[0]}")
                self.revision(name, "r0", f"attempt({way.module!r}, {way.name!r}, {places!r})", imports=imports)
        self._give_away()

    def write_env(self) -> None:
        """Write a project whose env.py connects as `ATTACK_WAY` says."""
        self._start(_ENV)
        imports = "from alembic import op\nfrom attempt import note, wanted"
        self.revision("r1", "r0", _ALTER, 'op.drop_column("orders", "note")', imports)
        self._give_away()

    def _start(self, env: str) -> None:
        url = f"postgresql+psycopg2://app:{PASSWORD}@127.0.0.1:{self.victim.port}/shop"
        self.start(env, f"sqlalchemy.url = {url}\n")
        shutil.copytree(HERE / "ways", self.project / "ways", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("attempt.py", "env_ways.py"):
            shutil.copy(HERE / name, self.project)
        (self.project / "server").mkdir()
        services = [
            f"[production_{over}]\nhost={host}\nport={self.victim.port}\nuser=app\ndbname=shop\n"
            for over, host in self._hosts().items()
        ]
        (self.home / ".pg_service.conf").write_text("".join(services), encoding="utf-8")
        (self.home / ".pgpass").write_text(f"*:*:*:app:{PASSWORD}\n", encoding="utf-8")
        (self.home / ".pgpass").chmod(0o600)
        (self.project / "victim.json").write_text(json.dumps(self._address()), encoding="utf-8")

    def _address(self) -> dict[str, str | int]:
        """Return what a way is told of the victim, and of the processes outside."""
        psql = embedded.binary("psql", 18)
        return {
            "port": self.victim.port,
            **self._hosts(),
            "psql": str(psql),
            "libpq": str(psql.parents[1] / "lib" / "libpq.so.5"),
            "victim_data": str(self.victim.data),
            "victim_pid": self.victim.pid,
            "test_pid": os.getpid(),
            "test_namespace": str(Path("/proc/self/ns/mnt").readlink()),
        }

    def _hosts(self) -> dict[str, str]:
        return {"tcp": "127.0.0.1", "socket": str(self.victim.sockets), "abstract": self.victim.abstract}

    def _give_away(self) -> None:
        """Give everything to the account; the server that runs as another user writes into one folder."""
        self.own(self.folder)
        (self.project / "server").chmod(0o777)
