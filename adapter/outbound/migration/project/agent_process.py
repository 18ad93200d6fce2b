"""The process of the agent, in a project's own Python.

Nothing heavy is imported here. The process is started before anything else, and imports the project's libraries while
its parent imports its own.
"""

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from adapter.outbound.isolation import gate
from adapter.outbound.isolation.gate import Gate
from adapter.outbound.isolation.launch import FAILED
from adapter.outbound.isolation.processes import end_descendants
from adapter.outbound.isolation.socket_files import SocketFile
from adapter.outbound.isolation.wall import launcher
from adapter.outbound.migration.project.process_group import ProcessGroup, group_led_by

AGENT = Path(__file__).parent / "agent" / "start.py"
# Libraries must not start threads: a process with threads cannot be forked for later jobs.
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_OUTPUT_BYTES = 20_000  # of the project's output that a result keeps


class AgentProcess:
    """The owner of the agent's process: starts it, reads and answers it, ends its jobs, and ends it.

    Attributes:
        gate: Decides the agent's connections; None without the wall.
        descriptors: The agent's ends of the pipes for events and for answers, as the agent numbers them.
    """

    def __init__(
        self,
        python: str = sys.executable,
        *,
        keep: Iterable[str] = (),
        walled: bool = True,
        network: bool = False,
        output: int | None = None,
    ) -> None:
        """Start the process.

        Args:
            python: Path of the interpreter that has the project's packages.
            keep: Folders of Postgres sockets that the process may reach. All others are hidden, when this system allows
                that.
            walled: Isolate the process from the network and from all other Postgres sockets.
            network: Leave the network reachable in spite of `walled`.
            output: File descriptor for what the process and its project print; None to keep it for `output_after`.
        """
        self._python, self._keep, self._walled, self._network = python, tuple(keep), walled, network
        self._output_to = output
        self._job: ProcessGroup | None = None
        self._start()

    def _start(self, kept: Mapping[str, SocketFile] | None = None) -> None:
        """Start the process; `kept` are the sockets that it may reach from its start, as the process before it."""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._events, events = os.pipe()
        answers, self._answers = os.pipe()
        self.descriptors = (events, answers)
        self.gate = Gate(kept) if self._walled and sys.platform == "linux" else None
        tell = None if self.gate is None else self.gate.theirs.fileno()
        wall = (
            launcher(network=self._network, keep=self._keep, tell=tell, ask=gate.is_available()) if self._walled else []
        )
        self._process = subprocess.Popen(
            [*wall, self._python, str(AGENT)],
            stdin=subprocess.PIPE,
            stdout=self._output if self._output_to is None else self._output_to,
            stderr=subprocess.STDOUT,
            pass_fds=(events, answers, *([] if tell is None else [tell])),
            start_new_session=True,
            env={**_ONE_THREAD, **os.environ, "PYTHONSAFEPATH": "1"},
        )
        # only the agent may have these ends open, so that its death ends the pipes
        os.close(events)
        os.close(answers)
        if self.gate is not None:
            self.gate.open(self._process.pid)

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    @property
    def has_network(self) -> bool:
        """Whether the network is in its reach."""
        return self._network or not self._walled

    def reaches(self, folder: str) -> bool:
        """Return whether the process can reach a Postgres socket in a folder."""
        path = f"{os.path.realpath(folder)}/"
        return not self._walled or any(path.startswith(f"{os.path.realpath(allowed)}/") for allowed in self._keep)

    def reopen(self) -> None:
        """Start the process again, with the same settings, when it was closed."""
        if self._output.closed:
            self._start(None if self.gate is None else self.gate.kept)

    def let_through(self, folder: str, port: int, listener: int | None = None) -> None:
        """Let the process reach the socket of a server in one of its folders; see `Gate.let_through`."""
        if self.gate is not None and self.reaches(folder):
            self.gate.let_through(f"{folder}/.s.PGSQL.{port}", listener)

    def failed_to_start(self) -> bool:
        """Return whether the isolation could not be set up, so that the agent did not start; the output says why."""
        return self._process.poll() == FAILED

    def send(self, job: bytes) -> None:
        """Write the line of a job to the process; a dead process is noticed later, when its events end."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(job)
            self._process.stdin.flush()

    def read(self, seconds: float) -> bytes | None:
        """Return the next bytes of its events, waiting for some time; None for nothing yet, empty when it has died."""
        ready, _, _ = select.select([self._events], [], [], seconds)
        return os.read(self._events, 1 << 16) if ready else None

    def answer(self, line: bytes) -> None:
        """Write a line to the process that runs the job; one that has died reads nothing."""
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._answers, line) :]

    def adopt_job(self, leader: int) -> bool:
        """Remember which process runs the job; return whether the kernel agrees that it is a child of the agent."""
        self._job = group_led_by(leader, self._process.pid)
        return self._job is not None

    @property
    def has_job(self) -> bool:
        """Whether the process that runs the job is still there."""
        return self._job is not None and self._job.has_leader

    def kill_job(self) -> None:
        """Kill the process that runs the job, as a crash would; what it has started stays."""
        if self._job is not None:
            self._job.kill_leader()

    def interrupt_job(self) -> None:
        """Interrupt the job, as Ctrl-C in a terminal does."""
        if self._job is not None:
            self._job.interrupt()

    def end_job(self, *, wholly: bool) -> None:
        """Kill what is left of the job.

        Args:
            wholly: Kill also what has left the job's process group.
        """
        if self._job is not None:
            self._job.kill()
            self._job = None
        if wholly:
            end_descendants(self._process.pid)

    def output_size(self) -> int:
        """Return how many bytes the process and its project have printed."""
        return self._output.seek(0, os.SEEK_END)

    def output_after(self, begin: int) -> str:
        """Return the output after some byte, at most the last `_OUTPUT_BYTES` of it."""
        self._output.seek(max(begin, self.output_size() - _OUTPUT_BYTES))
        return self._output.read().decode(errors="replace")

    def close(self) -> None:
        """End the process; a second call does nothing."""
        if self._output.closed:
            return
        end_descendants(self._process.pid)
        self._process.kill()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        if self.gate is not None:
            self.gate.close()
        os.close(self._events)
        os.close(self._answers)
        self._output.close()
