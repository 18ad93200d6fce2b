"""The process of the agent, in a project's own Python.

Nothing heavy is imported here. The process is started before anything else, and imports the project's libraries while
its parent imports its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from adapter.outbound.isolation import gate
from adapter.outbound.isolation.gate import Gate
from adapter.outbound.isolation.launch import FAILED
from adapter.outbound.isolation.processes import end_descendants
from adapter.outbound.isolation.wall import launcher

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
    """A running agent, and the pipes to it.

    Attributes:
        events: File descriptors of the pipe for reports: our end, and the agent's end as the agent numbers it.
        answers: File descriptors of the pipe for answers: the agent's end as the agent numbers it, and our end.
        gate: Decides the agent's connections; None without the wall.
    """

    def __init__(
        self, python: str = sys.executable, *, keep: Iterable[str] = (), walled: bool = True, network: bool = False
    ) -> None:
        """Start the process.

        Args:
            python: Path of the interpreter that has the project's packages.
            keep: Folders of Postgres sockets that the process may reach. All others are hidden, when this system allows
                that.
            walled: Isolate the process from the network and from all other Postgres sockets.
            network: Leave the network reachable in spite of `walled`.
        """
        self._python, self._keep, self._walled, self._network = python, tuple(keep), walled, network
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.events, self.answers = os.pipe(), os.pipe()
        self.gate = Gate(self._keep) if walled and sys.platform == "linux" else None
        tell = None if self.gate is None else self.gate.theirs.fileno()
        wall = launcher(network=network, keep=self._keep, tell=tell, ask=gate.is_available()) if walled else []
        self._process = subprocess.Popen(
            [*wall, python, str(AGENT)],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=(self.events[1], self.answers[0], *([] if tell is None else [tell])),
            start_new_session=True,
            env={**_ONE_THREAD, **os.environ, "PYTHONSAFEPATH": "1"},
        )
        # only the agent may have these ends open, so that its death ends the pipes
        os.close(self.events[1])
        os.close(self.answers[0])
        if self.gate is not None:
            self.gate.open(self._process.pid)

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether `close` has not been called yet."""
        return not self._output.closed

    @property
    def has_network(self) -> bool:
        """Whether the network is in its reach."""
        return self._network or not self._walled

    def again(self) -> "AgentProcess":
        """Start another process with the same settings."""
        return AgentProcess(self._python, keep=self._keep, walled=self._walled, network=self._network)

    def reaches(self, folder: str) -> bool:
        """Return whether the process can reach a Postgres socket in a folder."""
        path = f"{os.path.realpath(folder)}/"
        return not self._walled or any(path.startswith(f"{os.path.realpath(allowed)}/") for allowed in self._keep)

    def failed_to_start(self) -> bool:
        """Return whether the isolation could not be set up, so that the agent did not start; the output says why."""
        return self._process.poll() == FAILED

    def send(self, line: bytes) -> None:
        """Write a job to the process; a dead process is noticed later, when its reports end."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def said(self) -> int:
        """Return how many bytes the process and its project have printed."""
        return self._output.seek(0, os.SEEK_END)

    def tail(self, begin: int) -> str:
        """Return the output after some byte, at most the last `_OUTPUT_BYTES` of it."""
        self._output.seek(max(begin, self.said() - _OUTPUT_BYTES))
        return self._output.read().decode(errors="replace")

    def close(self) -> None:
        """End the process; a second call does nothing."""
        if not self.is_open:
            return
        end_descendants(self._process.pid)
        self._process.kill()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        if self.gate is not None:
            self.gate.close()
        os.close(self.events[0])
        os.close(self.answers[1])
        self._output.close()
