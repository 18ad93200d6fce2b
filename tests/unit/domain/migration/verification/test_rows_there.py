"""Rows that an upgrade inserts where they may be there already."""

import pytest

from domain.migration.digest import DataDigest, TableDigest
from domain.migration.trace import RowCounts
from domain.migration.verification.rows_there import inserted_into, spares
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, revision, step, table


def rows(number: int | None) -> DataDigest:
    """A database with so many users; None for no such table."""
    return DataDigest({} if number is None else {USERS: TableDigest(number, {})})


@pytest.mark.parametrize(
    ("usual", "there", "spared"),
    [((10, 12), (12, 12), True), ((10, 12), (12, 14), False), ((10, 12), (11, 12), True), ((None, 2), (2, 2), True)],
)
def test_rows_that_are_there_are_spared(usual: tuple[int | None, int], there: tuple[int, int], spared: bool) -> None:
    """An upgrade that inserts fewer rows where they are there already leaves those of others alone."""
    assert spares(USERS, (rows(usual[0]), rows(usual[1])), (rows(there[0]), rows(there[1]))) is spared


def test_only_tables_that_stay_count() -> None:
    """A new table has no rows of others; updates insert nothing; a partition counts as its table."""
    parted = {
        **BASE,
        **table(USERS, kind="partitioned table"),
        **table("public.part", parents=(USERS,), partition_bound="DEFAULT"),
    }
    insert = step("INSERT", rows={"public.part": RowCounts(inserted=1), "public.new": RowCounts(inserted=1)})
    update = step("UPDATE", rows={ORDERS: RowCounts(updated=1)})
    assert inserted_into(revision(insert, update, before=parted, after={**parted, **table("public.new")})) == [USERS]
