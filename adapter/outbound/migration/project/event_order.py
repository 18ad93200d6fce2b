"""In which order the agent writes its lines: one that stands elsewhere is not the agent's."""

from collections.abc import Mapping
from typing import Any

from adapter.outbound.migration.project.jobs import AgentJob

_OF_HISTORY = {"revision", "problem", "error", "done", "exited"}
_ANY_TIME = {"wanted", "error", "version_table", "models"}


class EventOrder:
    """Whether the lines of a job stand where the agent writes them.

    A history is listed by the agent's process itself; of every other job, a process of its own says first that it has
    started. Statements are within the begin and the end of their function, and name it as those do.
    """

    def __init__(self, job: AgentJob) -> None:
        self._job = job
        self._listed: set[str] = set()
        self._started = self._done = self._exited = False
        self._run: tuple[str, str] | None = None  # the function that has begun and not ended
        self._ended: tuple[str, str] | None = None  # the last one that came to its end
        self._observed = False
        self._steps = 0

    def allows(self, message: Mapping[str, Any]) -> bool:
        """Return whether a line may follow those before it, and note it."""
        event = message["event"]
        if self._exited or (self._done and event != "exited"):
            return False
        if event == "exited":
            self._exited = True
            return True
        if self._job.command == "revisions":
            return event in _OF_HISTORY and self._of_history(message)
        if event == "started" or not self._started:
            first, self._started = not self._started, True
            return event == "started" and first
        return event in _ANY_TIME or self._of_job(message)

    def _of_history(self, message: Mapping[str, Any]) -> bool:
        self._done = message["event"] == "done"
        if message["event"] != "revision":
            return True
        is_new = message["revision"] not in self._listed
        self._listed.add(message["revision"])
        return is_new

    def _of_job(self, message: Mapping[str, Any]) -> bool:
        function = (str(message.get("revision")), str(message.get("direction")))
        match message["event"]:
            case "begin":
                fits = self._run is None
                self._run = function
            case "statement":
                fits = self._run == function and not self._observed
            case "observe" | "observed" as event:
                fits = self._run is not None and self._observed == (event == "observed")
                self._observed = event == "observe"
            case "end":
                fits = self._run == function
                self._ended = self._run if message["error"] is None else None
                self._run, self._observed = None, False
            case "stepped":
                fits = self._run is None and self._ended == function and self._is_next_step(function)
                self._steps += 1
            case "done":
                fits = self._run is None
                self._done = True
            case _:
                fits = False
        return fits

    def _is_next_step(self, function: tuple[str, str]) -> bool:
        return self._steps < len(self._job.steps) and tuple(self._job.steps[self._steps]) == function
