"""Checks the order of what the agent reports: an event in another place is not the agent's."""

from adapter.outbound.migration.project.agent.protocol import (
    Begin,
    Command,
    Compared,
    Done,
    End,
    Error,
    Event,
    Exited,
    Failed,
    Models,
    Problem,
    Rest,
    Revision,
    Session,
    Statement,
    VersionTable,
    Wanted,
)
from adapter.outbound.migration.project.agent.questions import Asked, Observe, Observed, RowLocks, Started, Stepped
from adapter.outbound.migration.project.jobs import AgentJob

_AnyTime = Wanted | Error | VersionTable | Models
# An env.py may upgrade several schemas at a time, so that their functions do not follow each other.
_OfUpgrade = Begin | End | Failed | Revision | Problem | Session | Compared | Done


class EventOrder:
    """Whether the events of a job stand where the agent writes them.

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

    def allows(self, event: Event) -> bool:
        """Return whether an event may follow those before it, and note it."""
        if self._exited or (self._done and not isinstance(event, Exited)):
            return False
        if isinstance(event, Exited):
            self._exited = True
            return True
        if self._job.command == Command.REVISIONS:
            return self._is_of_history(event)
        if isinstance(event, Started) or not self._started:
            first, self._started = not self._started, True
            return isinstance(event, Started) and first
        if self._job.command in Command.ON_TARGET:
            self._done = isinstance(event, Done)
            asks = isinstance(event, Asked) and self._job.command in Command.ASKING
            return asks or isinstance(event, _AnyTime | _OfUpgrade)
        return isinstance(event, _AnyTime) or self._is_of_job(event)

    def _is_of_history(self, event: Event) -> bool:
        self._done = isinstance(event, Done)
        if isinstance(event, Revision):
            is_new = event.revision not in self._listed
            self._listed.add(event.revision)
            return is_new
        return isinstance(event, Problem | Error | Done)

    def _is_of_job(self, event: Event) -> bool:
        match event:
            case Begin():
                fits = self._run is None
                self._run = (event.revision, event.direction)
            case Statement() | Rest():
                fits = self._run == (event.revision, event.direction) and not self._observed
            case RowLocks():
                fits = self._run is not None and not self._observed
            case Observe() | Observed():
                fits = self._run is not None and self._observed == isinstance(event, Observed)
                self._observed = isinstance(event, Observe)
            case End() | Failed():
                fits = self._run == (event.revision, event.direction)
                self._ended = self._run if isinstance(event, End) else None
                self._run, self._observed = None, False
            case Stepped():
                function = (event.revision, event.direction)
                fits = self._run is None and self._ended == function and self._is_next_step(function)
                self._steps += 1
            case Done():
                fits = self._run is None
                self._done = True
            case _:
                fits = False
        return fits

    def _is_next_step(self, function: tuple[str, str]) -> bool:
        return self._steps < len(self._job.steps) and tuple(self._job.steps[self._steps]) == function
