"""The questions of the agent, which the parent answers; see `protocol`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

Direction = Literal["upgrade", "downgrade"]  # which function of a revision


@dataclass(frozen=True)
class Started:
    """The process of a job has started; every job but `Command.REVISIONS` has a process of its own. Answer: null."""

    pid: int


@dataclass(frozen=True)
class Observe:
    """A statement that cannot run inside a transaction is about to be executed by a server process. Answer: null."""

    pid: int
    sql: str


@dataclass(frozen=True)
class Observed:
    """The observed statement has ended. Answer: OID of the relation and mode of each lock that it had."""


@dataclass(frozen=True)
class RowLocks:
    """A statement may have locked rows of tables, whose OIDs these are.

    Answer: OID, number of rows, and number of rows that another session cannot lock, of each table that can be read.
    """

    tables: list[int]


@dataclass(frozen=True)
class Stepped:
    """A step of `Command.STAIRS` is committed. Answer: whether to continue."""

    revision: str
    direction: Direction


@dataclass(frozen=True)
class Asked:
    """A statement of a revision is about to be executed, for `Command.DEPLOY`.

    Answer: settings of its session, by name; null to end the revision here, before the statement.

    Attributes:
        sql: The statement.
        lock_timeout: The lock timeout of its session, as the server writes it.
    """

    sql: str
    lock_timeout: str


Question = Union[Started, Observe, Observed, RowLocks, Stepped, Asked]  # noqa: UP007 - Python 3.9
