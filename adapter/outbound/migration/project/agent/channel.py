"""The two pipes between the agent and its parent.

Code of the project that searches the memory of its process for the token of the job will find it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .lines import decode_answer, encode

if TYPE_CHECKING:
    from .protocol import Event
    from .questions import Question


class Channel:
    """The two pipes between the agent and its parent."""

    def __init__(self, token: str, events: int, answers: int | None) -> None:
        self._token = token
        self._events = events
        self._answers = None if answers is None else os.fdopen(answers, encoding="utf-8")

    def send(self, event: Event) -> None:
        """Write an event."""
        line = encode(event, self._token)
        while line:
            line = line[os.write(self._events, line) :]

    def ask(self, question: Question) -> Any:
        """Write an event and return the parent's answer; None when the parent does not answer."""
        if self._answers is None:
            return None
        self.send(question)
        return decode_answer(self._answers.readline())
