"""Does jobs, each in a forked process that finds the libraries imported: that is most of its time."""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .channel import Channel
from .drivers import trace_drivers
from .engine_events import listen
from .failures import culprit
from .models import create_models, report_only_there
from .project import (
    climb,
    configure,
    list_revisions,
    report_version_table,
    run_env,
    script_of,
    set_up,
    undo,
    watch_revisions,
)
from .proof import Proof
from .redirect import Sandbox, redirect_drivers, redirect_engines
from .tracing import Tracer
from .wanted import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterator


# They start no thread when they are imported, so that a process which has them can be forked.
_IMPORTED_ONCE = (
    "alembic.command",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql",
    "asyncpg",
    "psycopg",
    "psycopg2",
    "pgvector.sqlalchemy",
)


class Worker:
    """Does jobs; what it has ready is inherited by the processes that it forks for them."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()
        self._proof = Proof(self._sandbox)
        self._config: Any = None
        self._script: Any = None
        self._redirected = False

    def run(self, job: dict[str, Any]) -> None:
        """Do a job, report how it ended, and end the process."""
        _no_input()
        channel = Channel(job["token"], job["events"], job.get("answers"))
        channel.send("started", pid=os.getpid())
        try:
            self._work(job, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send("error", **culprit(error), traceback=traceback.format_exc())
        channel.send("wanted", addresses=list(WANTED.addresses), variables=list(WANTED.variables))
        channel.send("done")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads and exit handlers of the project have no say

    def read_history(self, job: dict[str, Any]) -> bool:
        """Read the history, here, for all jobs to come; tell whether it can be read."""
        channel = Channel(job["token"], job["events"], None)
        try:
            with _without_input():
                self._config = self._configured(job)
                self._script = script_of(self._config)
                list_revisions(self._script, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send("error", **culprit(error), traceback=traceback.format_exc())
            return False
        finally:
            channel.send("done")
        return True

    def warm(self) -> bool:
        """Import what env.py imports, for all jobs to come; one that fails says so when a revision runs.

        Returns:
            Whether this process can still be forked: nothing failed, and no thread was left running.
        """
        with _without_input(), suppress(BaseException):
            run_env(self._config, self._script, lambda _heads, _context: [], "heads")
            _close_engines()
            gc.freeze()
            return not _has_threads()
        return False

    def _configured(self, job: dict[str, Any]) -> Any:
        if job.get("cwd"):
            os.chdir(job["cwd"])
        self._sandbox.point_at(job)
        if not self._redirected:
            redirect_drivers(self._sandbox)
            redirect_engines(self._sandbox)
            self._proof.install()
            WANTED.watch()
            self._redirected = True
        return configure(job, self._sandbox)

    def _work(self, job: dict[str, Any], channel: Channel) -> None:
        self._proof.channel = channel
        config = self._configured(job)
        if job["command"] == "setup":
            set_up(job["revision"], self._sandbox)
            return
        tracer = None
        if job.get("trace"):
            tracer = Tracer(channel, job.get("kill_after") or 0, goes_on=bool(job.get("goes_on")))
            listen(tracer)
            trace_drivers(tracer)
        watch_revisions(channel, tracer, self._proof)
        script = self._script or script_of(config)
        target = job["revision"]
        if job["command"] == "env":
            run_env(config, script, functools.partial(report_version_table, channel), "heads")
        elif job["command"] in {"models", "only_there"}:
            report = create_models if job["command"] == "models" else report_only_there
            run_env(config, script, functools.partial(report, channel), "heads")
        elif job["command"] == "upgrade":
            run_env(config, script, lambda heads, _context: script._upgrade_revs(target, heads), target)  # noqa: SLF001
        elif job["command"] == "downgrade":
            run_env(config, script, lambda heads, _context: script._downgrade_revs(target, heads), target)  # noqa: SLF001
        elif job["command"] == "undo":
            undo(config, script, target)
        elif job["command"] == "stairs":
            climb(config, script, job["steps"], channel)
        elif job["command"] == "check":
            from alembic import command

            command.check(config)
        else:
            raise ValueError(f"no command {job['command']!r}")


def _no_input() -> None:
    """Let a project that asks a question get an end of file."""
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)


@contextmanager
def _without_input() -> Iterator[None]:
    kept = os.dup(0)
    _no_input()
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def _close_engines() -> None:
    """Let no connection be shared with a forked process."""
    from sqlalchemy.engine import Engine

    for one in gc.get_objects():
        if issubclass(type(one), Engine):
            with suppress(Exception):
                one.dispose()


def _has_threads() -> bool:
    """Return whether a fork would leave threads behind: those of Python, and of libraries where that can be seen."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/task")) > 1  # noqa: PTH208
    return threading.active_count() > 1


def main() -> None:
    """Do one job a line, each in a process of its own that finds the libraries imported: that is most of its time."""
    program, environment = [sys.executable, *sys.argv], dict(os.environ)
    os.environ.pop("PYTHONSAFEPATH", None)  # it was meant for this process, not for those that the project starts
    gc.disable()  # there is nothing to collect among what libraries define, and looking takes a fifth of the time
    for library in _IMPORTED_ONCE:
        with suppress(ImportError):
            importlib.import_module(library)
    worker = Worker()
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        channel = Channel(job["token"], job["events"], None)
        if job["command"] == "revisions":
            listed = worker.read_history(job)
            channel.send("exited", code=0)
            # the parent goes on meanwhile
            if not (listed and worker.warm()):
                # become a new agent: what a project has left in this process would be inherited by each job
                os.execve(sys.executable, program, environment)  # noqa: S606 - the same as before
            continue
        pid = os.fork()
        if pid == 0:
            os.setsid()
            gc.enable()
            worker.run(job)
        _, status = os.waitpid(pid, 0)
        channel.send("exited", code=os.waitstatus_to_exitcode(status))
