"""Asks the server what a statement compared that found no row."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .session import Session

_EXPLAIN = "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) "
_SAVEPOINT = "hexalembic_plan"
BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"  # comments may stand before a command
FURTHER = re.compile(r";\s*\S")  # another command in the same text
# What EXPLAIN takes. A text with another command behind would execute that one.
_TAKEN = re.compile(BLANK + r"(select|with|update|delete|insert|merge)\b", re.IGNORECASE | re.DOTALL)
# What may run other statements within it; of SELECT its plan tells, where it reads no table itself.
_RUNS_OTHERS = re.compile(BLANK + r"(?:(do|call|execute)|(select|values))\b", re.IGNORECASE | re.DOTALL)
_UNKNOWN = -1  # what drivers say of a number of rows that they do not know


class Asked:
    """A statement as a driver was given it, which may be explained after it was executed."""

    def __init__(self, cursor: Any, execute_on: Callable[[Any, str], Any]) -> None:
        """Keep what it works on.

        Args:
            cursor: On which it is executed.
            execute_on: Executes a text on a cursor, with the statement's parameters.
        """
        self._cursor = cursor
        self._execute_on = execute_on
        self._plans: dict[str, Any] = {}  # by text

    def plan(self, session: Session, sql: str, *, wrote: bool) -> Any:
        """Return the plan of a statement that found no row; None where it did, or where nobody can tell.

        Args:
            session: The connection, in a transaction.
            sql: Its text.
            wrote: Whether it wrote rows.
        """
        if wrote or _TAKEN.match(sql) is None or FURTHER.search(sql):
            return None
        rows = getattr(self._cursor, "rowcount", _UNKNOWN)
        if rows not in {0, _UNKNOWN}:
            return None
        plan = self._explained(session, sql)
        return plan if plan is not None and (rows == 0 or _writes(plan)) else None

    def hides_tables(self, session: Session, sql: str) -> bool:
        """Return whether tables that a statement used may have been used by others within it.

        These are a block, a procedure, a function that a SELECT calls, several statements in one text.

        Args:
            session: The connection, in a transaction.
            sql: Its text.
        """
        if runs_others(sql):
            return True
        plan = self._explained(session, sql) if _RUNS_OTHERS.match(sql) else None
        return plan is not None and not _reads(plan)

    def _explained(self, session: Session, sql: str) -> Any:
        if sql not in self._plans:
            self._plans[sql] = self._explain(session, sql)
        return self._plans[sql]

    def _explain(self, session: Session, sql: str) -> Any:
        session.run(f"SAVEPOINT {_SAVEPOINT}")
        found = None
        with suppress(Exception):  # what the server does not explain
            cursor = session.connection.cursor()
            try:
                self._execute_on(cursor, _EXPLAIN + sql)
                row = cursor.fetchone()
            finally:
                cursor.close()
            value = next(iter(row.values())) if isinstance(row, dict) else row[0]
            found = (json.loads(value) if isinstance(value, (str, bytes)) else value)[0]["Plan"]
        session.run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        session.run(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        return found


def runs_others(sql: str) -> bool:
    """Return whether a statement that is not to be explained may run others within it, by its first word."""
    found = _RUNS_OTHERS.match(sql)
    return bool(FURTHER.search(sql) or (found and found[1]))


def _reads(plan: Any) -> bool:
    return "Relation Name" in plan or any(map(_reads, plan.get("Plans", ())))


def _writes(plan: Any) -> bool:
    return plan["Node Type"] == "ModifyTable" or any(map(_writes, plan.get("Plans", ())))
