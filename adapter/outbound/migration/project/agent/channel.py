"""The two pipes between the agent and its parent, with lines of JSON.

A line to the parent begins with a token that only the two sides know. It distinguishes reports from anything that the
project's own code writes into the pipe. Code that searches the memory of its process for the token will find it.
"""

from __future__ import annotations

import json
import os
from typing import Any


class Channel:
    """The two pipes between the agent and its parent."""

    def __init__(self, token: str, events: int, answers: int | None) -> None:
        self._token = token
        self._events = events
        self._answers = None if answers is None else os.fdopen(answers, encoding="utf-8")

    def send(self, event: str, **data: Any) -> None:
        """Write a line with an event and its data."""
        line = f"{self._token}{json.dumps({'event': event, **data}, default=str)}\n".encode()
        while line:
            line = line[os.write(self._events, line) :]

    def ask(self, event: str, **data: Any) -> Any:
        """Write a line and return the parent's answer; None when the parent does not answer."""
        if self._answers is None:
            return None
        self.send(event, **data)
        line = self._answers.readline()
        return json.loads(line) if line else None
