"""One upgrade or downgrade function while it runs."""

from __future__ import annotations

import os
from typing import Any

from .origin import line_of, operation


class Run:
    """One upgrade or downgrade function while it runs.

    Attributes:
        revision: Its id.
        direction: `upgrade` or `downgrade`.
        path: The revision's file.
        before: Relations that were there before its first statement: names by oid; None until that.
        transactions: Numbers of its transactions.
    """

    def __init__(self, revision: str, direction: str, path: str) -> None:
        self.revision = revision
        self.direction = direction
        self.path = os.path.realpath(path)
        self.before: dict[int, str] | None = None
        self.transactions: dict[str, int] = {}

    def transaction(self, name: str) -> int:
        """Number a transaction, from 1."""
        return self.transactions.setdefault(name, len(self.transactions) + 1)


def report_of(run: Run, statement: str) -> dict[str, Any]:
    """Begin what is said of a statement."""
    return {"sql": statement, "line": line_of(run.path), "operation": operation(), "transaction": None}
