"""Partitions and children whose rows their parent has lost."""

import pytest

from domain.migration.analysis.rows_taken_out import empty_successor, taken_out
from domain.migration.diagnostic import Severity
from domain.migration.snapshot import Value
from domain.migration.trace import RevisionTrace, RowCounts, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import Objects, revision, step, table, without

LOGS, FIRST, SECOND = "public.logs", "public.first", "public.second"
BOUNDS: dict[str, Value] = {"partition_bound": "FOR VALUES FROM (1) TO (5)", "parents": (LOGS,)}
BEFORE: Objects = {**table(LOGS), **table(FIRST, **BOUNDS)}
DETACHED: Objects = {**table(LOGS), **table(FIRST)}
TABLES = {LOGS: TableFacts(100, 1), FIRST: TableFacts(100, 1)}


def detached(after: Objects = DETACHED, rows: int = 0, into: str = LOGS, **more: object) -> RevisionTrace:
    """A revision that detaches the partition, and inserts some rows into another table."""
    inserted = {into: RowCounts(inserted=rows)} if rows else {}
    return revision(step("DETACH", rows=inserted), before=BEFORE, after=after, **{"tables": TABLES, **more})


def test_a_detached_partition_takes_its_rows_along() -> None:
    """Unless it has none, is attached again, or its parent is gone as well."""
    assert list(taken_out(detached())) == [(FIRST, LOGS)]
    for tables in ({**TABLES, FIRST: TableFacts(0, 0)}, {LOGS: TABLES[LOGS]}):
        assert list(taken_out(detached(tables=tables))) == []
    assert list(taken_out(detached(BEFORE))) == []
    assert list(taken_out(detached(without(DETACHED, LOGS)))) == []


def test_half_the_rows_in_the_parent_or_below_are_enough() -> None:
    """Whatever partition they come into; rows elsewhere are not found there."""
    below = {**DETACHED, **table(SECOND, **BOUNDS)}
    for into, rows, lost in ((LOGS, 50, False), (LOGS, 49, True), (SECOND, 50, False), ("public.other", 50, True)):
        assert bool(list(taken_out(detached(below, rows, into)))) is lost


def test_a_successor_has_the_same_bounds_in_the_same_table_and_no_rows() -> None:
    """A table that is no partition has no bounds that another one could have."""
    assert empty_successor(detached({**DETACHED, **table(SECOND, **BOUNDS)}), FIRST) == SECOND
    others: list[dict[str, Value]] = [
        {**BOUNDS, "partition_bound": "DEFAULT"},
        {**BOUNDS, "parents": ("public.other",)},
        {},
    ]
    for other in others:
        assert empty_successor(detached({**DETACHED, **table(SECOND, **other)}), FIRST) is None
    filled = {**TABLES, SECOND: TableFacts(1, 1)}
    assert empty_successor(detached({**DETACHED, **table(SECOND, **BOUNDS)}, tables=filled), FIRST) is None
    child = {**table(LOGS), **table(FIRST, parents=(LOGS,))}
    plain = revision(step("NO INHERIT"), before=child, after={**DETACHED, **table(SECOND, parents=(LOGS,))})
    assert empty_successor(plain, FIRST) is None


@pytest.mark.parametrize(
    ("after", "docstring", "severity", "relation"),
    [
        ({**DETACHED, **table(SECOND, **BOUNDS)}, "x", Severity.ERROR, FIRST),
        ({**DETACHED, **table(SECOND, **BOUNDS)}, "x\n\nPhase: contract", Severity.WARNING, FIRST),
        (DETACHED, "x", Severity.WARNING, LOGS),
    ],
    ids=["exchanged", "exchanged in the contract phase", "detached"],
)
def test_an_empty_successor_is_an_error(after: Objects, docstring: str, severity: Severity, relation: str) -> None:
    """The old code finds no rows where they were; a partition that is only detached, or not needed, is a warning."""
    reported = diagnostic(detached(after, docstring=docstring), "values-lost")
    assert (reported.severity, reported.relation) == (severity, relation)
