"""An upgrade or downgrade function while it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .origin import line_of, operation
from .pauses import Pauses
from .protocol import Statement

if TYPE_CHECKING:
    from .questions import Direction


class Run:
    """An upgrade or downgrade function while it runs.

    Attributes:
        revision: ID of its revision.
        direction: Which of its functions it is.
        path: Real path of the revision's file.
        before: Name by OID of each relation that existed before its first statement; None before that statement.
        transactions: Number, from 1, of each of its transactions, by the transaction's name on the server.
        pauses: The time in which nothing was done between its statements.
        unseen_locks: The strongest mode by relation, of locks that none of its statements has taken.
    """

    def __init__(self, revision: str, direction: Direction, path: str) -> None:
        self.revision = revision
        self.direction = direction
        self.path = os.path.realpath(path)
        self.before: dict[int, str] | None = None
        self.transactions: dict[str, int] = {}
        self.pauses = Pauses()
        self.unseen_locks: dict[str, str] = {}

    def transaction(self, name: str) -> int:
        """Return the number of a transaction within this run, from 1."""
        return self.transactions.setdefault(name, len(self.transactions) + 1)

    def report_of(self, statement: str) -> Statement:
        """Return a new report of a statement, with its text and its origin."""
        return Statement(self.revision, self.direction, statement, line_of(self.path), operation())
