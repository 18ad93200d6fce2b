"""Runs PgBouncer before a server, for tests."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.conftest import Server

# Debian's package puts it where only root's PATH leads.
PROGRAM = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
_PORT = 6432


@contextmanager
def pgbouncer(server: Server, mode: str, **settings: object) -> Iterator[str]:
    """Run it in a pool mode; give the URL of the database `hexalembic_empty` through it."""
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed (Debian: apt-get install pgbouncer); .ci/run installs it")
    folder = Path(tempfile.mkdtemp(prefix="hxb"))
    values = {
        "pool_mode": mode,
        "unix_socket_dir": folder,
        "listen_port": _PORT,
        "auth_type": "any",
        "logfile": folder / "log",
        "pidfile": folder / "pid",
        "query_wait_timeout": 20,
        "server_login_retry": 1,
        **settings,
    }
    target = f"host={server.host} port={server.port} user={server.user}"
    target += f" password={server.password}" if server.password else ""
    lines = ["[databases]", f"* = {target}", "[pgbouncer]", *(f"{name} = {value}" for name, value in values.items())]
    (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
    runner: list[str] = []
    if os.geteuid() == 0:  # it does not run as root, and must get into the folder of the server's socket
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        runner = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        runner += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    process = subprocess.Popen([*runner, PROGRAM, "-q", str(folder / "pgbouncer.ini")], stderr=subprocess.DEVNULL)
    url = f"postgresql://{server.user}@/hexalembic_empty?host={quote(str(folder), safe='')}&port={_PORT}"
    try:
        _wait(url, folder / "log")
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(url: str, log: Path) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end, log.read_text(encoding="utf-8") if log.exists() else "it wrote no log"
            time.sleep(0.05)
        else:
            return
