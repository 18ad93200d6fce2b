"""The process of the agent, in a project's own Python.

Nothing heavy is imported here: the process is started first of all, and imports the project's libraries while its
parent imports its own.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from adapter.outbound.isolation.launch import FAILED
from adapter.outbound.isolation.wall import launcher

AGENT = Path(__file__).parent / "agent" / "start.py"
# A process with threads of a library's own cannot be forked for later jobs.
_ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_OUTPUT_BYTES = 20_000


class AgentProcess:
    """A running agent, and the pipes to it.

    Attributes:
        events: Ends of the pipe that the agent reports through: ours, and the number of its.
        answers: Ends of the pipe that it reads answers from: the number of its, and ours.
    """

    def __init__(
        self, python: str = sys.executable, *, keep: Iterable[str] = (), walled: bool = True, network: bool = False
    ) -> None:
        """Start it.

        Args:
            python: Interpreter that has the project's packages.
            keep: Folders of Postgres sockets that it may reach; all others are covered, where this system allows that.
            walled: Keep the network and those sockets out of its reach.
            network: Leave the network in its reach all the same.
        """
        self._python, self._keep, self._walled, self._network = python, tuple(keep), walled, network
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.events, self.answers = os.pipe(), os.pipe()
        wall = launcher(network=network, keep=self._keep) if walled else []
        self._process = subprocess.Popen(
            [*wall, python, str(AGENT)],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            pass_fds=(self.events[1], self.answers[0]),
            start_new_session=True,
            env={**_ONE_THREAD, **os.environ, "PYTHONSAFEPATH": "1"},
        )
        # its ends are its own: when it dies, nothing more can be read
        os.close(self.events[1])
        os.close(self.answers[0])

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it was not ended from here."""
        return not self._output.closed

    def again(self) -> "AgentProcess":
        """Start another one like it."""
        return AgentProcess(self._python, keep=self._keep, walled=self._walled, network=self._network)

    def reaches(self, folder: str) -> bool:
        """Return whether a Postgres socket in a folder is in its reach."""
        place = f"{os.path.realpath(folder)}/"
        return not self._walled or any(place.startswith(f"{os.path.realpath(kept)}/") for kept in self._keep)

    def failed_to_start(self) -> bool:
        """Return whether the wall could not be set up, so that nothing was started; what was said is in the output."""
        return self._process.poll() == FAILED

    def send(self, line: bytes) -> None:
        """Give it a job; one that has died is found out when nothing is read from it."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def said(self) -> int:
        """Return how many bytes it and its project have printed."""
        return self._output.seek(0, os.SEEK_END)

    def tail(self, begin: int) -> str:
        """Return the last of what was printed since."""
        self._output.seek(max(begin, self.said() - _OUTPUT_BYTES))
        return self._output.read().decode(errors="replace")

    def close(self) -> None:
        """End it; safe to call again."""
        if not self.is_open:
            return
        self._process.kill()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        os.close(self.events[0])
        os.close(self.answers[1])
        self._output.close()
