"""Passwords in the statements of revisions, and in what their project prints: no report, file or process shows them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions, render_analysis
from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions
from adapter.outbound.postgres import embedded
from tests.conftest import SERVERS
from tests.history import History
from tests.secret_urls import MARKER, leaked
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

_SECRETS = f"""
op.execute("CREATE ROLE secrets_of_ana LOGIN PASSWORD '{MARKER}'")
op.execute("ALTER ROLE secrets_of_ana PASSWORD E'a\\\\'{MARKER}'")
op.execute("ALTER ROLE secrets_of_ana ENCRYPTED PASSWORD $word${MARKER}$word$")
op.execute("DO $$ BEGIN EXECUTE 'ALTER ROLE secrets_of_ana PASSWORD ''{MARKER}'''; END $$")
op.execute("CREATE FOREIGN DATA WRAPPER nowhere")
op.execute("CREATE SERVER there FOREIGN DATA WRAPPER nowhere OPTIONS (password '{MARKER}')")
op.execute("CREATE USER MAPPING FOR secrets_of_ana SERVER there OPTIONS (user 'ana', password '{MARKER}')")
op.execute(
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=''a {MARKER}''' PUBLICATION p "
    "WITH (connect = false, slot_name = NONE)"
)
op.execute("DROP SUBSCRIPTION s")  # or the database could not be dropped
op.execute("UPDATE people SET name = 'postgresql://ana:{MARKER}@h/d', password = '{MARKER}'")
op.execute("ALTER TABLE people ALTER name SET DEFAULT 'postgresql://ana:{MARKER}@h/d'")
op.execute("CREATE INDEX ON people (name) WHERE name <> 'password={MARKER}'")
print("connected to postgresql://ana:{MARKER}@h/d")
"""
_UNDO = """
op.execute("DROP FOREIGN DATA WRAPPER nowhere CASCADE")
op.execute("DROP ROLE secrets_of_ana")
"""
_BROKEN = f"""
op.execute("ALTER TABLE people ALTER age TYPE text")
op.execute("CREATE ROLE secrets_of_bob PASSWORD {MARKER} {MARKER}")
"""
_RAISES = f"""raise RuntimeError("no answer from postgresql://ana:{MARKER}@h/d (password='{MARKER}')")"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder of its own for the embedded sandbox, whose server is stopped afterwards."""
    path = Path(tempfile.mkdtemp(prefix="hx-", dir="/tmp")).resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEXALEMBIC_SANDBOX_DIR", str(path))
        patch.setenv("HEXALEMBIC_POSTGRES_LINGER", "0.3")
        yield path
    for lease in list(path.rglob("*.lease")):
        embedded.stop(int(lease.stem), lease.parent, force=True)
    shutil.rmtree(path)


@pytest.fixture
def config(history: History) -> Path:
    """A project whose revisions have passwords in their statements, in what they print, and in their errors."""
    table = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text, age int, password text)")'
    history.add("r1", None, table, 'op.execute("DROP TABLE people")')
    history.add("secrets", "r1", _SECRETS, _UNDO)
    history.add("broken", "r1", _BROKEN)
    history.add("raises", "r1", _RAISES)
    return history.plain_ini()


def own_files(place: Path, *folders: Path) -> str:
    """Return what we wrote: logs and locks of the server, and the files of folders; what Postgres keeps is its own."""
    found = [path for path in place.rglob("1[68].*") if path.is_file()]
    found += [path for folder in folders for path in folder.glob("*.json")]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found)


@pytest.mark.long
def test_analysis(place: Path, config: Path) -> None:
    """All five formats of `migrate analyze` say what the statements do, without the passwords in them."""
    request = ProjectRequest(config=config, rows=50, jobs=1)
    report = analyze_revisions(request, "base:heads", TargetRequest(), lambda *_: None)
    for form in ("text", "json", "markdown", "sarif", "github"):
        said = render_analysis(report, form, config, verbose=True, color=form == "text")
        assert not leaked(said), f"{form}: {leaked(said)}"
    data = json.loads(render_analysis(report, "json", config, verbose=True, color=False))
    statements = [one["sql"] for revision in data["revisions"] for one in revision["upgrade"]["statements"]]

    assert "CREATE ROLE secrets_of_ana LOGIN PASSWORD '***'" in statements
    assert "CREATE USER MAPPING FOR secrets_of_ana SERVER there OPTIONS (user 'ana', password '***')" in statements
    errors = {
        one["revision"]: [one["upgrade"], *one["upgrade"]["statements"]][-1]["error"] for one in data["revisions"]
    }
    assert errors["secrets"] is None
    assert "syntax error" in errors["broken"]
    assert "no answer from postgresql://ana:***@h/d" in errors["raises"]
    fixes = "".join(found["fix"] or "" for one in data["revisions"] for found in one["diagnostics"])
    assert "WHERE (name <> 'password=***'::text)" in fixes
    assert '"public.people.password": "why nobody needs it"' in fixes
    assert not leaked(own_files(place, config.parent))


@pytest.mark.long
def test_verification(place: Path, config: Path) -> None:
    """All five formats of `migrate verify` and the certificates show no password."""
    request = ProjectRequest(config=config, rows=20, jobs=1)
    certificates = config.parent / "certificates.json"
    asked = VerificationRequest("base:heads", "round-trip,compat", certificates)
    report = verify_revisions(request, asked, lambda *_: None)
    for form in ("text", "json", "markdown", "junit", "sarif"):
        said = render_verification(report, form, config, verbose=True, color=False)
        assert not leaked(said), f"{form}: {leaked(said)}"

    assert report.failed
    assert certificates.is_file()
    assert not leaked(own_files(place, config.parent))


def test_recorded_statements(tmp_path: Path, empty_url: str) -> None:
    """What `migrate record` writes can be run, and has neither passwords of statements nor of their values."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import os
            from sqlalchemy import create_engine, text
            with create_engine(os.environ["URL"]).begin() as connection:
                connection.exec_driver_sql("CREATE TABLE people (id int, site text, password text)")
                connection.exec_driver_sql("INSERT INTO people (password) VALUES ('x')")
                connection.exec_driver_sql("UPDATE people SET password = '{MARKER}' WHERE id = 1")
                connection.execute(
                    text("UPDATE people SET site = :site"), {{"site": "postgresql://ana:{MARKER}@h/d"}}
                )
            """
        ),
        encoding="utf-8",
    )
    output = tmp_path / "statements.json"
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "adapter.inbound.cli.migrate",
            "record",
            "-o",
            str(output),
            "--",
            sys.executable,
            program,
        ],
        cwd=PROJECT_ROOT,
        env=process_environment(None, URL=empty_url.replace("postgresql://", "postgresql+psycopg://")),
        capture_output=True,
        text=True,
        check=True,
    )
    written = output.read_text(encoding="utf-8")

    assert "SET password = '***' WHERE" in written
    assert "postgresql://ana:***@h/d" in written
    assert not leaked(written + result.stdout + result.stderr)


class Watch(threading.Thread):
    """Reads the arguments and the environments of all processes below this one, but not those of the command itself."""

    def __init__(self, command: "subprocess.Popen[str]") -> None:
        super().__init__(daemon=True)
        self._command = command
        self.seen: dict[tuple[int, bytes], bytes] = {}

    def run(self) -> None:
        """Look until the command has ended."""
        own = b"".join(os.fsencode(word) + b"\0" for word in cast(list[str], self._command.args))
        while self._command.poll() is None:
            for pid in self._below(self._command.pid):
                try:
                    arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if arguments != own:  # a fork on its way to another program
                        self.seen[pid, arguments] = Path(f"/proc/{pid}/environ").read_bytes()
                except OSError:  # it has ended
                    continue
            time.sleep(0.005)

    def _below(self, pid: int) -> Iterator[int]:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        except OSError:
            return
        for child in map(int, children):
            yield child
            yield from self._below(child)


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    "command",
    [
        "alembic -x url={url} upgrade head",
        "migrate analyze -c {ini} raises --sandbox-url {url} --rows 5 -v",
        *(
            pytest.param(command, marks=pytest.mark.long)
            for command in (
                "migrate status --url {url}",
                "migrate stats --target-url {url} --format json",
                "migrate verify -c {ini} r1 --sandbox-url {url} --rows 5 --only round-trip",
                "migrate analyze -c {ini} raises --rows 5 --env SHOP={url}",
                "migrate analyze -c {ini} raises --rows 5 -x url={url}",
                "migrate analyze -c {ini} raises --rows 5 --target-url {url}",
                "migrate verify -c {ini} r1 --rows 5 --target-url {url}",
                "migrate up --url {url}",
                "migrate up -c {ini} --url {url} --env SHOP",
            )
        ),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
def test_whole_processes(place: Path, config: Path, empty_url: str, command: str) -> None:
    """A password that works is in no output, and in no argument or environment of a process that we start."""
    url = empty_url.replace("://postgres@", f"://postgres:{MARKER}@")
    program, *arguments = command.format(url=url, ini=config).split()
    module = "alembic" if program == "alembic" else f"adapter.inbound.cli.{program}"
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT_ROOT,
        env=process_environment(None, EMBEDDER="hashing"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = Watch(process)
        watch.start()
        said = "".join(process.communicate(timeout=120))
        watch.join()

    assert said
    assert not leaked(said)
    for (_, line), environment in watch.seen.items():
        assert not leaked(f"{line!r} {environment!r}"), line
    assert not leaked(own_files(place, config.parent))
