"""The lock catalog: what a measurement says, how the page is written and read, and that a change of it is seen."""

from dataclasses import replace

import pytest

from adapter.outbound.migration.report import lock_catalog_markdown
from domain.migration.lock_catalog import (
    BUILDS,
    OTHER_LOCKS,
    OWN_LOCK,
    REWRITES,
    SCANS,
    STOPS,
    TRANSACTION,
    CatalogRow,
    Measurement,
    differences,
)
from domain.migration.locks import LockMode

REINDEX = Measurement(
    "REINDEX INDEX orders_note_idx",
    {"orders": LockMode.SHARE, "orders_note_idx": LockMode.ACCESS_EXCLUSIVE, "orders_pkey": LockMode.ROW_EXCLUSIVE},
    rewritten=("orders_note_idx",),
    scanned=("orders",),
)
REFUSED = Measurement("ALTER TABLE orders …", {}, error='syntax error at or near "NOT"')
CONCURRENT = Measurement(
    "CREATE INDEX …", {"orders": LockMode.SHARE_UPDATE_EXCLUSIVE}, built=("orders_idx",), in_transaction=False
)


def row(name: str, *measured: Measurement, group: str = "Indexes") -> CatalogRow:
    """Make a row of what the majors 16, 17, … did."""
    facts = {major: one.facts("orders") for major, one in enumerate(measured, 16)}
    return CatalogRow(group, name, (measured[-1].sql, 'op.x("a | b")'), "a note", facts)


ROWS = [
    row("reindex, [all] of it", REINDEX, REINDEX),
    row("new in 17", REFUSED, CONCURRENT),
    row("new in 17", REFUSED, REINDEX, group="Constraints"),
]


def test_facts() -> None:
    """Locks that the table's own covers are left out; what is stronger shows, and says whom it stops."""
    assert REINDEX.facts("orders") == {
        OWN_LOCK: "SHARE",
        OTHER_LOCKS: "orders_note_idx ACCESS EXCLUSIVE",
        STOPS: "writes, orders_note_idx: reads and writes",
        REWRITES: "orders_note_idx",
        SCANS: "orders",
        BUILDS: "–",  # noqa: RUF001 - the page's dash
        TRANSACTION: "yes",
    }
    assert REFUSED.facts("orders")[OWN_LOCK] == 'fails: syntax error at or near "NOT"'
    assert CONCURRENT.facts("orders")[TRANSACTION] == "no"
    assert replace(REINDEX, in_transaction=False).facts("orders")[OTHER_LOCKS] == REFUSED.facts("orders")[OTHER_LOCKS]
    assert REINDEX.facts("elsewhere")[OTHER_LOCKS] == "orders SHARE, orders_note_idx ACCESS EXCLUSIVE"


def test_page_and_rows_are_the_same() -> None:
    """A page that is read gives the rows that it was written from."""
    page = lock_catalog_markdown.render(ROWS)

    assert lock_catalog_markdown.read(page) == ROWS
    assert "measured on Postgres 16 and 17" in page
    assert '16: fails: syntax error at or near "NOT"<br>17: SHARE UPDATE EXCLUSIVE' in page


def test_a_changed_row_is_seen() -> None:
    """A cell that says something else is named with its operation, column, major, and both texts."""
    page = lock_catalog_markdown.render(ROWS)
    changed = page.replace("17: SHARE UPDATE EXCLUSIVE", "17: SHARE")
    assert changed != page

    assert differences(lock_catalog_markdown.read(page), ROWS) == []
    assert differences(lock_catalog_markdown.read(changed), ROWS) == [
        "new in 17, lock on its table: the page says 'SHARE', Postgres 17 does 'SHARE UPDATE EXCLUSIVE'"
    ]


@pytest.mark.parametrize(
    ("page", "measured", "said"),
    [
        (ROWS[:2], ROWS, "new in 17 (Constraints): not on the page"),
        (ROWS, ROWS[:2], "new in 17 (Constraints): on the page, but no operation of ours"),
        ([replace(ROWS[0], note="")], ROWS[:1], "reindex, [all] of it, note: the page has '', measured was 'a note'"),
        ([row("x", REINDEX)], [row("x", REINDEX, REINDEX)], "Postgres 17 is not on the page"),
    ],
)
def test_rows_and_majors_that_are_missing(page: list[CatalogRow], measured: list[CatalogRow], said: str) -> None:
    """An operation or a major version that only one side has is named."""
    assert differences(page, measured) == [said]


def test_one_major_can_be_checked_alone() -> None:
    """Majors that were not measured are no difference."""
    (only,) = [row("x", REINDEX)]

    assert differences([row("x", REINDEX, CONCURRENT)], [replace(only, code=("CREATE INDEX …", only.code[1]))]) == []


@pytest.mark.parametrize(
    ("mode", "others"),
    [
        (LockMode.ROW_EXCLUSIVE, "–"),  # noqa: RUF001 - the page's dash
        (LockMode.SHARE, "–"),  # noqa: RUF001 - the page's dash
        (LockMode.ACCESS_EXCLUSIVE, "orders_id_seq ACCESS EXCLUSIVE"),
    ],
)
def test_a_sequence_of_the_table_shows_only_where_its_lock_is_stronger(mode: LockMode, others: str) -> None:
    """A lock that is as strong as that of the table is covered by it."""
    measurement = Measurement("ALTER TABLE orders …", {"orders": LockMode.SHARE, "orders_id_seq": mode})
    assert measurement.facts("orders")[OTHER_LOCKS] == others
