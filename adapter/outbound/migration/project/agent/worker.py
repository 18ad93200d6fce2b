"""Runs jobs, each in a forked process that inherits the imported libraries, as the imports take most of the time."""

from __future__ import annotations

import functools
import gc
import importlib
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
from .lines import decode_job
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
from .protocol import Command, Done, Error, Exited, Wanted
from .questions import Started
from .redirect import Sandbox, redirect_drivers, redirect_engines
from .tracing import Tracer
from .upgrade import upgrade
from .wanted import WANTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .protocol import Job


# These libraries start no thread when they are imported, so that the process can still be forked.
_LIBRARIES = (
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
    """The runner of jobs; the process of each job is a fork that inherits its state."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()
        self._proof = Proof(self._sandbox)
        self._config: Any = None
        self._script: Any = None
        self._is_redirected = False

    def run(self, job: Job) -> None:
        """Run a job, report how it ended, and end the process."""
        _redirect_input()
        channel = Channel(job.token, job.events, job.answers)
        channel.ask(Started(os.getpid()))  # the parent asks the kernel about it while it is there
        try:
            if job.command in Command.ON_TARGET:
                upgrade(job, channel)
            else:
                self._run_command(job, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send(_reported(error))
        channel.send(Wanted(list(WANTED.addresses), list(WANTED.variables)))
        channel.send(Done())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # without waiting for threads and exit handlers of the project

    def read_history(self, job: Job) -> bool:
        """Report the history, and keep it for all jobs to come; return whether it could be read."""
        channel = Channel(job.token, job.events, None)
        try:
            with _without_input():
                self._config = self._configure(job)
                self._script = script_of(self._config)
                list_revisions(self._script, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send(_reported(error))
            return False
        finally:
            channel.send(Done())
        return True

    def warm(self) -> bool:
        """Run env.py without any revision, so that all jobs to come inherit its imports.

        An error is ignored: it is reported when a revision runs.

        Returns:
            Whether this process can still be forked: nothing failed, and no thread is running.
        """
        with _without_input(), suppress(BaseException):
            run_env(self._config, self._script, lambda _heads, _context: [], "heads")
            _close_engines()
            gc.freeze()
            return not _has_threads()
        return False

    def _configure(self, job: Job) -> Any:
        os.chdir(job.cwd)
        self._sandbox.point_at(job)
        if not self._is_redirected:
            redirect_drivers(self._sandbox)
            redirect_engines(self._sandbox)
            self._proof.install()
            WANTED.watch()
            self._is_redirected = True
        return configure(job, self._sandbox)

    def _run_command(self, job: Job, channel: Channel) -> None:
        self._proof.channel = channel
        config = self._configure(job)
        if job.command == Command.SET_UP:
            set_up(job.revision, self._sandbox)
            return
        watch_revisions(channel, _tracer_of(job, channel, self._sandbox), self._proof)
        script = self._script or script_of(config)
        if job.command == Command.UNDO:
            undo(config, script, job.revision)
        elif job.command == Command.STAIRS:
            climb(config, script, job.steps, channel)
        elif job.command == Command.CHECK:
            from alembic import command

            command.check(config)
        else:
            run_env(config, script, *_steps_and_target(job, script, channel))


def _tracer_of(job: Job, channel: Channel, sandbox: Sandbox) -> Tracer | None:
    """Return the tracer that gets the statements of this process; None when the job traces none."""
    if not job.trace:
        return None
    tracer = Tracer(channel, sandbox, job.kill_after, goes_on=job.goes_on)
    listen(tracer)
    trace_drivers(tracer)
    return tracer


def _steps_and_target(job: Job, script: Any, channel: Channel) -> tuple[Callable[[Any, Any], Any], str]:
    """Return what env.py does once it has configured Alembic, and the target that it is told."""
    target = job.revision
    steps: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
        Command.ENV: (functools.partial(report_version_table, channel), "heads"),
        Command.MODELS: (functools.partial(create_models, channel), "heads"),
        Command.ONLY_THERE: (functools.partial(report_only_there, channel), "heads"),
        Command.UPGRADE: (lambda heads, _context: script._upgrade_revs(target, heads), target),  # noqa: SLF001
        Command.DOWNGRADE: (lambda heads, _context: script._downgrade_revs(target, heads), target),  # noqa: SLF001
    }
    return steps[job.command]


def _reported(error: BaseException) -> Error:
    """Return an error that is being handled, with its traceback."""
    return Error(**{**vars(culprit(error)), "traceback": traceback.format_exc()})


def _redirect_input() -> None:
    """Redirect standard input to an empty file, so that a prompt of the project gets an end of file."""
    with open(os.devnull) as null_file:  # noqa: PTH123
        os.dup2(null_file.fileno(), 0)


@contextmanager
def _without_input() -> Iterator[None]:
    saved_input = os.dup(0)
    _redirect_input()
    try:
        yield
    finally:
        os.dup2(saved_input, 0)
        os.close(saved_input)


def _close_engines() -> None:
    """Close the connections of all engines, so that none is shared with a forked process."""
    from sqlalchemy.engine import Engine

    for candidate in gc.get_objects():
        if issubclass(type(candidate), Engine):
            with suppress(Exception):
                candidate.dispose()


def _has_threads() -> bool:
    """Return whether this process has several threads, those of libraries included where the system shows them."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/task")) > 1  # noqa: PTH208
    return threading.active_count() > 1


def main() -> None:
    """Read jobs from standard input, one on each line, and run each in a forked process."""
    program, environment = [sys.executable, *sys.argv], dict(os.environ)
    os.environ.pop("PYTHONSAFEPATH", None)  # meant for this process only, not for processes of the project
    gc.disable()  # imports leave no garbage, and looking for it takes a fifth of their time
    for library in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(library)
    gc.freeze()  # a collection in a job would go through all of it, and copy its pages
    worker = Worker()
    for line in iter(sys.stdin.readline, ""):
        job = decode_job(line)
        channel = Channel(job.token, job.events, None)
        if job.command == Command.REVISIONS:
            has_history = worker.read_history(job)
            channel.send(Exited(0))
            # the parent continues meanwhile
            if not (has_history and worker.warm()):
                # restart as a new agent, because each job would inherit the state that the project has left here
                os.execve(sys.executable, program, environment)  # noqa: S606 - the same as before
            continue
        pid = os.fork()
        if pid == 0:
            os.setsid()
            gc.enable()
            worker.run(job)
        _, status = os.waitpid(pid, 0)
        channel.send(Exited(os.waitstatus_to_exitcode(status)))
