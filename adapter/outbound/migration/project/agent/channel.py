"""The two pipes to the parent, a JSON line each.

A line to the parent begins with a token that only the two sides know, so that what the project's own code writes into
the pipe is told from it. Code that looks for the token in the memory of its process will find it.
"""

from __future__ import annotations

import json
import os
from typing import Any


class Channel:
    """The two pipes to the parent."""

    def __init__(self, token: str, events: int, answers: int | None) -> None:
        self._token = token
        self._events = events
        self._answers = None if answers is None else os.fdopen(answers, encoding="utf-8")

    def send(self, event: str, **data: Any) -> None:
        """Write one line."""
        line = f"{self._token}{json.dumps({'event': event, **data}, default=str)}\n".encode()
        while line:
            line = line[os.write(self._events, line) :]

    def ask(self, event: str, **data: Any) -> Any:
        """Write one line and wait for the answer; None without a parent that answers."""
        if self._answers is None:
            return None
        self.send(event, **data)
        line = self._answers.readline()
        return json.loads(line) if line else None
