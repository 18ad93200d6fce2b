"""Rows for 300 tables with foreign keys and CHECKs, and what each revision behind them costs.

    python -m benchmarks.fill [--rounds 3] [--tables 300] [--rows 1200]

Each table has a text key, up to three foreign keys, and CHECKs on one column and on several. Prints medians in seconds,
and how many statements were sent: of filling them all; of filling up behind a revision that adds a column, a table and
a CHECK to what is full; of one table with 8 foreign keys and 5 CHECKs. `one by one` is the plain way: each value that
may pass a CHECK is tried by a statement of its own, in a savepoint. The variants take turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import psycopg

from adapter.outbound.migration.rows import fill
from adapter.outbound.migration.rows.plan import Question, Session
from adapter.outbound.postgres import embedded
from benchmarks.scratch import drop, recreate

DATABASE = "benchmark_fill"
_TABLE = """
CREATE TABLE t{n} (
    id bigserial PRIMARY KEY, code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9-]+$'), name varchar(60) NOT NULL,
    state text NOT NULL CHECK (state IN ('new', 'open', 'closed')), amount numeric(12, 2) CHECK (amount >= 0),
    share int CHECK (share BETWEEN 0 AND 100), opened date NOT NULL, closed date,
    mail text CHECK (mail LIKE '%@%.%'), settings jsonb NOT NULL DEFAULT '{{}}', at timestamptz NOT NULL DEFAULT now(),
    {keys}
    CHECK (closed >= opened), CHECK ((state = 'closed') = (closed IS NOT NULL))
)
"""
_WIDE = """
CREATE TABLE wide (
    id bigserial PRIMARY KEY, {keys},
    kind text NOT NULL CHECK (kind IN ('a', 'b', 'c')), low int NOT NULL, high int NOT NULL, note text,
    CHECK (low < high), CHECK (num_nonnulls(f0, f1) = 1), CHECK (kind <> 'a' OR f2 IS NOT NULL),
    CHECK (length(note) > 3 OR kind = 'b')
)
"""
_NEXT = """
ALTER TABLE t1 ADD note text; ALTER TABLE t2 ADD CONSTRAINT young CHECK (share < 101);
CREATE TABLE young (id bigserial PRIMARY KEY, t bigint NOT NULL REFERENCES t3, kind text CHECK (kind IN ('x', 'y')))
"""


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--rows", type=int, default=1200)
    arguments = parser.parse_args()
    server = embedded.start()
    measured: dict[str, list[tuple[float, int]]] = {}
    try:
        for _ in range(arguments.rounds):
            for suffix, attempts in (("", Session.attempts), (", one by one", _one_by_one)):
                recreate(server.url("postgres"), DATABASE)
                with mock.patch.object(Session, "attempts", attempts):
                    for name, figures in _measured(server.url(DATABASE), arguments.tables, arguments.rows):
                        measured.setdefault(f"{name}{suffix}", []).append(figures)
    finally:
        drop(server.url("postgres"), DATABASE)
    print(f"{'variant':<54} {'median s':>9} {'statements':>11}")
    for name, runs in sorted(measured.items()):
        print(f"{name:<54} {statistics.median(seconds for seconds, _ in runs):>9.2f} {runs[0][1]:>11,}")


def table_sql(number: int) -> str:
    """Return the statement that makes a table, with foreign keys to up to three of those before it."""
    parents = dict.fromkeys((number * 7 + key * 13) % number for key in range(3)) if number else {}
    keys = [f"p{place} bigint REFERENCES t{parent}," for place, parent in enumerate(parents)]
    return _TABLE.format(n=number, keys=" ".join(keys))


def _measured(url: str, tables: int, rows: int) -> Iterator[tuple[str, tuple[float, int]]]:
    with psycopg.connect(url, autocommit=True, cursor_factory=_Counted) as connection:
        for number in range(tables):
            connection.execute(table_sql(number).encode())
        yield f"{tables} tables from nothing", _timed(lambda: fill(connection, rows))
        connection.execute(_NEXT.encode())
        yield f"behind a revision, {tables} tables full", _timed(lambda: fill(connection, rows))
        keys = [f"f{number} bigint REFERENCES t{number}" for number in range(8)]
        connection.execute(_WIDE.format(keys=", ".join(keys)).encode())
        yield "a table with 8 foreign keys and 5 CHECKs", _timed(lambda: fill(connection, rows))


class _Counted(psycopg.Cursor[Any]):
    """A cursor that counts the statements it sends."""

    sent = 0

    def execute(self, *arguments: Any, **keywords: Any) -> Any:
        """Execute a statement and count it."""
        _Counted.sent += 1
        return super().execute(*arguments, **keywords)


def _timed(run: Callable[[], object]) -> tuple[float, int]:
    sent_before, start = _Counted.sent, time.perf_counter()
    run()
    return time.perf_counter() - start, _Counted.sent - sent_before


def _one_by_one(
    session: Session, questions: Sequence[Question], wanted: Mapping[int, int] | None = None
) -> list[object]:
    """Run each question as a separate statement until its group is settled; return the answers."""
    remaining = dict(wanted or {})
    answers: list[object] = []
    for question in questions:
        answers.append(session.attempt(question.query) if remaining.get(question.group, 1) > 0 else None)
        if question.settles and answers[-1] == 1 and question.group in remaining:
            remaining[question.group] -= 1
    return answers


if __name__ == "__main__":
    main()
