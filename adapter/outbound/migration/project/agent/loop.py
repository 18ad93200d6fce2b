"""Statements that a revision executes again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .session import Session


_LOOKED_AT = 25  # times that the same statement of a loop is looked at; from then on it is counted


class Loop:
    """Statements that a revision executes again and again in one transaction, a row each, such as those of an ORM.

    Attributes:
        session: The connection of those that were only counted.
        before: What the transaction had done before them.
        counted: By text and line: how many times, milliseconds, and the report of the last one that was looked at.
    """

    def __init__(self) -> None:
        self.session: Session
        self.before: dict[str, Any] = {}
        self.counted: dict[tuple[str, Any], list[Any]] = {}
        self._seen: dict[tuple[str, Any], tuple[int, dict[str, Any]]] = {}

    def saw(self, report: dict[str, Any]) -> None:
        """Note a statement that was looked at, and that changed no schema."""
        key = report["sql"], report["line"]
        self._seen[key] = self._seen.get(key, (0, report))[0] + 1, report

    def goes_on(self, report: dict[str, Any], session: Session) -> bool:
        """Return whether enough of these have been looked at."""
        times, seen = self._seen.get((report["sql"], report["line"]), (0, None))
        same = not self.counted or self.session.connection is session.connection
        return seen is not None and times >= _LOOKED_AT and same and not session.autocommit

    def count(self, report: dict[str, Any], session: Session, before: dict[str, Any], milliseconds: float) -> None:
        """Count one that was not looked at."""
        if not self.counted:
            self.session, self.before = session, before
        key = report["sql"], report["line"]
        entry = self.counted.setdefault(key, [0, 0.0, self._seen[key][1]])
        entry[0] += 1
        entry[1] += milliseconds

    def reports(self, total: dict[str, Any], wal: int) -> Iterator[dict[str, Any]]:
        """Return a report of each statement, and end: what they did together goes to those that did such things."""
        counted, self.counted = self.counted, {}
        for kind in ("rows", "scanned"):
            for table in total[kind]:
                doer = next((key for key, one in counted.items() if table in one[2].get(kind, ())), next(iter(counted)))
                counted[doer].append((kind, table, total[kind][table]))
        for times, milliseconds, report, *done in counted.values():
            wrote = any(kind == "rows" for kind, _, _ in done)
            yield {
                **report,
                "count": times,
                "duration_ms": milliseconds,
                "wal_bytes": wal if wrote else 0,
                "locks": {},
                "locked": {},
                "plan": None,
                "rows": {table: figures for kind, table, figures in done if kind == "rows"},
                "scanned": {table: figures for kind, table, figures in done if kind == "scanned"},
            }
            wal = 0 if wrote else wal
