"""The two pipes to the parent, a JSON line each."""

from __future__ import annotations

import json
import os
from typing import Any


class Channel:
    """The two pipes to the parent."""

    def __init__(self, events: int, answers: int | None) -> None:
        self._events = events
        self._answers = None if answers is None else os.fdopen(answers, encoding="utf-8")

    def send(self, event: str, **data: Any) -> None:
        """Write one line."""
        line = json.dumps({"event": event, **data}, default=str).encode() + b"\n"
        while line:
            line = line[os.write(self._events, line) :]

    def ask(self, event: str, **data: Any) -> Any:
        """Write one line and wait for the answer; None without a parent that answers."""
        if self._answers is None:
            return None
        self.send(event, **data)
        line = self._answers.readline()
        return json.loads(line) if line else None
