"""Processes that a revision starts: what was patched in its own does not hold in another."""

import multiprocessing
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ASK = "SELECT current_database()"
_SCRIPT = "import {0}; c = {0}.connect({1!r}); k = c.cursor(); k.execute({2!r}); print(k.fetchone()[0])"


def _output(*command: str, **given: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, **given)
    if done.returncode != 0:
        raise ConnectionError((done.stderr.strip() or "no answer").splitlines()[-1])
    return str(done.stdout).strip()


def psql_url(to: Any) -> str:
    """`psql URL`"""
    return _output(to.psql, "-XAtc", ASK, to.url)


def psql_clean(to: Any) -> str:
    """`env -i psql URL`"""
    return _output("/usr/bin/env", "-i", to.psql, "-XAtc", ASK, to.url)


def psql_inherited(to: Any) -> str:
    """`psql` with the `PG*` variables that were inherited"""
    return _output(to.psql, "-XAtc", ASK)


def psql_inherited_url(to: Any) -> str:
    """`psql "$DATABASE_URL"`, as inherited"""
    return _output("/bin/sh", "-c", f'{shlex.quote(to.psql)} -XAtc "{ASK}" "$DATABASE_URL"')


def psql_inherited_dsn(to: Any) -> str:
    """`psql "$SHOP_DSN"`, a variable of the project's own"""
    return _output("/bin/sh", "-c", f'{shlex.quote(to.psql)} -XAtc "{ASK}" "${to.variable}"')


def psql_service(to: Any) -> str:
    """`psql service=…`"""
    return _output(to.psql, "-XAtc", ASK, f"service={to.service}")


def process_pg_dump(to: Any) -> str:
    """`pg_dump URL`"""
    found = _output(str(Path(to.psql).with_name("pg_dump")), "--schema-only", "--table=orders", "-C", to.url)
    return next(line.split()[2] for line in found.splitlines() if line.startswith("CREATE DATABASE"))


def python_psycopg(to: Any) -> str:
    """`python -c "psycopg.connect(…)"`"""
    return _output(sys.executable, "-c", _SCRIPT.format("psycopg", to.url, ASK))


def python_psycopg2(to: Any) -> str:
    """`python -c "psycopg2.connect(…)"`"""
    return _output(sys.executable, "-c", _SCRIPT.format("psycopg2", to.url, ASK))


def python_isolated(to: Any) -> str:
    """`python -I -c "psycopg.connect(…)"` without any variable"""
    return _output(sys.executable, "-I", "-c", _SCRIPT.format("psycopg", to.url, ASK), env={})


def os_system(to: Any) -> str:
    """`os.system("psql …")`"""
    file = Path(to.folder, f"system-{to.over}")
    file.unlink(missing_ok=True)
    command = shlex.join([to.psql, "-XAtc", ASK, to.url])
    os.system(f"{command} > {shlex.quote(str(file))} 2>&1")  # noqa: S605 - an attack
    return _answer(file)


def os_posix_spawn(to: Any) -> str:
    """`os.posix_spawn`"""
    file = Path(to.folder, f"spawn-{to.over}")
    file.unlink(missing_ok=True)
    opened = [
        (os.POSIX_SPAWN_OPEN, 1, str(file), os.O_WRONLY | os.O_CREAT, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(to.psql, [to.psql, "-XAtc", ASK, to.url], {}, file_actions=opened)
    os.waitpid(pid, 0)
    return _answer(file)


def _answer(file: Path) -> str:
    said = file.read_text().strip()
    if "rror:" in said:
        raise ConnectionError(said.splitlines()[-1])
    return said


def connect_there(url: str) -> str:
    """Connect in a process of `multiprocessing`."""
    import psycopg

    with psycopg.connect(url) as connection:
        row: Any = connection.execute(ASK).fetchone()
        return str(row[0])


def _pool(to: Any, method: str) -> str:
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.apply_async(connect_there, (to.url,)).get(20)


def multiprocessing_spawn(to: Any) -> str:
    """`multiprocessing`, start method spawn"""
    return _pool(to, "spawn")


def multiprocessing_fork(to: Any) -> str:
    """`multiprocessing`, start method fork"""
    return _pool(to, "fork")


def multiprocessing_forkserver(to: Any) -> str:
    """`multiprocessing`, start method forkserver"""
    return _pool(to, "forkserver")


def daemon(to: Any) -> str:
    """a daemon, forked twice, that connects two seconds later"""
    file = Path(to.folder, f"later-daemon-{to.over}")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(3, 64):
                _close(descriptor)
            time.sleep(2)
            _note(file, _SCRIPT.format("psycopg", to.url, ASK))
        os._exit(0)
    os.wait()
    return f"later: {file}"


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        return


def _note(file: Path, script: str) -> None:
    try:
        said = _output(sys.executable, "-I", "-c", script)
    except Exception as error:
        said = f"refused: {error}"
    file.write_text(said)


def nohup(to: Any) -> str:
    """`setsid nohup sh -c "sleep 2; psql …" &`"""
    file = Path(to.folder, f"later-nohup-{to.over}")
    command = f"sleep 2; {shlex.join([to.psql, '-XAtc', ASK, to.url])} > {shlex.quote(str(file))} 2>&1"
    os.system(f"setsid nohup sh -c {shlex.quote(command)} > /dev/null 2>&1 < /dev/null &")  # noqa: S605 - an attack
    return f"later: {file}"
