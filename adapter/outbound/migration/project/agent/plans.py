"""Explains statements that found no rows, so that matching rows can be made for them."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .protocol import Statement
    from .session import Session

_EXPLAIN = "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) "
_SAVEPOINT = "hexalembic_plan"
BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"  # comments may stand before a command
FURTHER = re.compile(r";\s*\S")  # another command in the same text
# Statements that EXPLAIN accepts. In a text with several commands, EXPLAIN would execute the further ones.
_EXPLAINABLE = re.compile(BLANK + r"(select|with|update|delete|insert|merge)\b", re.IGNORECASE | re.DOTALL)
_MAY_CHANGE = re.compile(BLANK + r"(with|update|delete|merge)\b", re.IGNORECASE | re.DOTALL)
# The statements of a text, between semicolons that are in no literal, name, comment or body of a function.
_PIECE = re.compile(
    r"""(?:[^;'"$/-]|'[^']*'|"[^"]*"|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)|--[^\n]*|/\*.*?\*/|[$/-])+""", re.DOTALL
)
_BLOCK = re.compile(BLANK + r"do\b.*?(?P<tag>\$(?:[A-Za-z_]\w*)?\$)(?P<body>.*)(?P=tag)", re.IGNORECASE | re.DOTALL)
_CHANGE_WITHIN = re.compile(r"\b(?:update|delete\s+from|merge\s+into|with)\b.*", re.IGNORECASE | re.DOTALL)
_VARIABLES_FIRST = re.compile(r"^\s*#\s*variable_conflict\s+use_variable\b", re.IGNORECASE | re.MULTILINE)
_MOST_WITHIN = 20  # statements within one that are explained
# Statements that may run other statements within them. A SELECT may do so when its plan reads no table.
_RUNS_OTHERS = re.compile(BLANK + r"(?:(do|call|execute)|(select|values))\b", re.IGNORECASE | re.DOTALL)
_UNKNOWN = -1  # the row count of drivers that do not know it


class DriverStatement:
    """A statement on a driver's cursor, which can be explained after it was executed."""

    def __init__(self, cursor: Any, text: str, execute_on: Callable[[Any, str], Any]) -> None:
        """Create a statement.

        Args:
            cursor: The cursor that executes the statement.
            text: The statement as the driver takes it, where percent signs may be doubled.
            execute_on: Executes a text on a cursor, with the parameters of the statement.
        """
        self._cursor = cursor
        self._text = text
        self._execute_on = execute_on
        self._plans: list[Any] = []  # the plan, once it is known

    def plan(self, session: Session, sql: str, *, wrote: bool) -> Any:
        """Return the plan of a statement that found no rows; None when it found some, or when that is not known.

        Args:
            session: The connection, in a transaction.
            sql: Text of the statement.
            wrote: Whether the statement wrote rows.
        """
        if wrote or _EXPLAINABLE.match(sql) is None or FURTHER.search(sql):
            return None
        rows = getattr(self._cursor, "rowcount", _UNKNOWN)
        if rows not in {0, _UNKNOWN}:
            return None
        plan = self._explained(session)
        return plan if plan is not None and (rows == 0 or _writes(plan)) else None

    def plans_of_writes(self, session: Session, sql: str) -> list[Any]:
        """Return the plans of what changed or deleted rows: of a statement, or of the statements within it.

        Those within it are read from the text, of a script or a DO block. One that cannot be explained on its own, such
        as one with a variable of its block, has no plan.

        Args:
            session: The connection, in a transaction.
            sql: Text of the statement.
        """
        if _MAY_CHANGE.match(sql) is not None and not FURTHER.search(sql):
            plans = [self._explained(session)]
        else:
            plans = [self._explain(session, text) for text in _changes_within(sql)]
        return [plan for plan in plans if plan is not None and _writes(plan)]

    def plan_of_search(self, session: Session, sql: str) -> Any:
        """Return the plan of a statement that only reads; None when it writes, or cannot be explained.

        Args:
            session: The connection, in a transaction.
            sql: Text of the statement.
        """
        if _EXPLAINABLE.match(sql) is None or FURTHER.search(sql):
            return None
        plan = self._explained(session)
        return None if plan is None or _writes(plan) else plan

    def hides_tables(self, session: Session, sql: str) -> bool:
        """Return whether the tables of a statement may have been used by other statements that it ran.

        This holds for a DO block, a procedure, a function that a SELECT calls, and several statements in one text.

        Args:
            session: The connection, in a transaction.
            sql: Text of the statement.
        """
        if runs_others(sql):
            return True
        plan = self._explained(session) if _RUNS_OTHERS.match(sql) else None
        return plan is not None and not _reads(plan)

    def _explained(self, session: Session) -> Any:
        if not self._plans:
            self._plans.append(self._explain(session))
        return self._plans[0]

    def _explain(self, session: Session, text: str = "") -> Any:
        """Return the plan of the statement, or that of a text within it; None when the server cannot explain it."""
        session.run(f"SAVEPOINT {_SAVEPOINT}")
        plan = None
        with suppress(Exception):  # the server cannot explain the statement
            cursor = session.connection.cursor()
            try:
                if text:
                    cursor.execute(_EXPLAIN + text)
                else:
                    self._execute_on(cursor, _EXPLAIN + self._text)
                row = cursor.fetchone()
            finally:
                cursor.close()
            value = next(iter(row.values())) if isinstance(row, dict) else row[0]
            plan = (json.loads(value) if isinstance(value, (str, bytes)) else value)[0]["Plan"]
        session.run(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        session.run(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        return plan


def runs_others(sql: str) -> bool:
    """Return whether a text has several statements, or one that runs others and cannot be explained."""
    match = _RUNS_OTHERS.match(sql)
    return bool(FURTHER.search(sql) or (match and match[1]))


def unexplained_tables(report: Statement, tables: Collection[str]) -> list[str]:
    """Return those of some tables of which a statement deleted rows by a condition that none of its plans has.

    Args:
        report: The report of the statement, with its rows and plans.
        tables: The tables, as qualified names.
    """
    explained = {name for plan in report.plans_of_writes if not _follows_cursor(plan) for name in _written(plan)}
    deleted = (name for name, (_, _, count) in report.rows.items() if count)
    return sorted(name for name in deleted if name in tables and name.replace('"', "") not in explained)


def _changes_within(sql: str) -> list[str]:
    """Return the statements in a script or a DO block that may change or delete rows."""
    block = _BLOCK.match(sql)
    if block and _VARIABLES_FIRST.search(block["body"]):
        return []  # on its own, a name within it means a column
    pieces = _PIECE.finditer(block["body"] if block else sql)
    changes = (_CHANGE_WITHIN.search(piece[0]) for piece in pieces)
    return [change[0] for change in changes if change is not None and ";" not in change[0]][:_MOST_WITHIN]


def _written(plan: Any) -> Iterator[str]:
    """Return the qualified names, without quotes, of the tables that a plan writes."""
    if plan["Node Type"] == "ModifyTable":
        yield f"{plan.get('Schema')}.{plan.get('Relation Name')}".replace('"', "")
    for child in plan.get("Plans", ()):
        yield from _written(child)


def _follows_cursor(plan: Any) -> bool:
    """Return whether a plan has WHERE CURRENT OF, which says nothing of the rows that its cursor finds."""
    return "CURRENT OF" in str(plan.get("TID Cond")) or any(map(_follows_cursor, plan.get("Plans", ())))


def _reads(plan: Any) -> bool:
    return "Relation Name" in plan or any(map(_reads, plan.get("Plans", ())))


def _writes(plan: Any) -> bool:
    return plan["Node Type"] == "ModifyTable" or any(map(_writes, plan.get("Plans", ())))
