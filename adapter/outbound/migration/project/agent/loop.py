"""Statements that a revision executes again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .protocol import Statement
    from .session import Session


_MEASURED_RUNS = 25  # of a statement in a loop; further runs are only counted
_EXPLAINED_RUNS = 20  # of a statement that wrote rows


class Loop:
    """Statements that a revision executes many times in one transaction, such as an ORM's statement for each row.

    The first runs of a statement are measured one by one. Further runs are only counted, and measured together.

    Attributes:
        session: The connection of the counted runs.
        before: The probe of the transaction before the counted runs.
        counted: For each text and line: the number of counted runs, their milliseconds, and the report of the last
            measured run.
    """

    def __init__(self) -> None:
        self.session: Session
        self.before: dict[str, Any] = {}
        self.counted: dict[tuple[str, Any], list[Any]] = {}
        self._measured: dict[tuple[str, Any], tuple[int, Statement]] = {}
        self._explained: dict[tuple[str, Any], int] = {}

    def note_measured(self, report: Statement) -> None:
        """Record a measured run of a statement that did not change the schema."""
        key = report.sql, report.line
        self._measured[key] = self._measured.get(key, (0, report))[0] + 1, report

    def takes_plan(self, report: Statement) -> bool:
        """Return whether a statement that wrote rows is explained, which is so in its first runs."""
        key = report.sql, report.line
        self._explained[key] = self._explained.get(key, 0) + 1
        return self._explained[key] <= _EXPLAINED_RUNS

    def is_measured_enough(self, report: Statement, session: Session) -> bool:
        """Return whether a statement has been measured often enough to be only counted from now on."""
        runs, last_report = self._measured.get((report.sql, report.line), (0, None))
        is_same_session = not self.counted or self.session.connection is session.connection
        return last_report is not None and runs >= _MEASURED_RUNS and is_same_session and not session.autocommit

    def count(self, report: Statement, session: Session, before: dict[str, Any], milliseconds: float) -> None:
        """Count a run of a statement that was not measured.

        Args:
            report: The report of the statement.
            session: The connection.
            before: The probe of the transaction before the statement.
            milliseconds: Duration of the run.
        """
        if not self.counted:
            self.session, self.before = session, before
        key = report.sql, report.line
        entry = self.counted.setdefault(key, [0, 0.0, self._measured[key][1]])
        entry[0] += 1
        entry[1] += milliseconds

    def reports(self, scanned: dict[str, int], rows: dict[str, Any], wal: int) -> Iterator[Statement]:
        """Return a report of the counted runs of each statement, and reset the counts.

        Rows are known only in total. Those of each table are attributed to the statement that wrote or read the table
        in its measured runs.

        Args:
            scanned: Rows that all counted runs read in scans, by table.
            rows: Rows that all counted runs wrote, by table.
            wal: Bytes of write-ahead log of all counted runs.
        """
        counted, self.counted = self.counted, {}
        reports = {
            key: replace(
                last_report,
                count=runs,
                duration_ms=milliseconds,
                wal_bytes=0,
                locks={},
                locked={},
                plan=None,
                plans_of_writes=[],
                plan_of_search=None,
                rows={},
                scanned={},
            )
            for key, (runs, milliseconds, last_report) in counted.items()
        }
        for table, figures in rows.items():
            key = next((key for key, entry in counted.items() if table in entry[2].rows), next(iter(counted)))
            reports[key].rows[table] = figures
        for table, read in scanned.items():
            key = next((key for key, entry in counted.items() if table in entry[2].scanned), next(iter(counted)))
            reports[key].scanned[table] = read
        for report in reports.values():
            if report.rows:
                report.wal_bytes, wal = wal, 0
            yield report
