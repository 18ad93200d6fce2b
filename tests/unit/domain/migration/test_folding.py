"""Folding of what loops execute."""

from domain.migration.trace import ChangedObject, RowCounts, StatementTrace, fold
from tests.unit.domain.migration.traces import ORDERS, USERS, changed, renamed, step


def update(transaction: int | None, sql: str = "UPDATE t SET a = 1", line: int = 5) -> StatementTrace:
    """A statement that updates 10 rows."""
    return StatementTrace(sql, line=line, transaction=transaction, rows={"public.t": RowCounts(updated=10)})


def test_batches_become_one_statement() -> None:
    """What a loop repeats is one statement with a count, and its figures are sums."""
    (one,) = fold([update(None)] * 40)

    assert (one.count, one.transactions, one.rows["public.t"].updated) == (40, 40, 400)


def test_a_loop_of_several_statements_is_folded_turn_by_turn() -> None:
    """SELECT of the next key, UPDATE, COMMIT: three statements with a count, in as many transactions as there were."""
    turns = [
        (StatementTrace("SELECT k", line=4, transaction=n), update(n), StatementTrace("COMMIT", line=6, transaction=n))
        for n in range(1, 8)
    ]
    folded = fold(statement for turn in turns for statement in turn)

    assert [(one.sql, one.count, one.transactions) for one in folded] == [
        ("SELECT k", 7, 7),
        ("UPDATE t SET a = 1", 7, 7),
        ("COMMIT", 7, 7),
    ]


def test_a_loop_within_one_transaction_stays_one_transaction() -> None:
    """Batches that nobody commits between are one transaction, so their row locks add up."""
    (one,) = fold([update(3)] * 5)

    assert (one.count, one.transactions) == (5, 1)


def test_values_in_the_text_do_not_hide_a_loop() -> None:
    """Batches whose keys are written into the text are folded; statements that change the schema never are."""
    batches = fold(update(None, f"UPDATE t SET a = 1 WHERE id BETWEEN {n * 10} AND {n * 10 + 9}") for n in range(6))
    tables = fold(
        StatementTrace(f"CREATE TABLE t{n} ()", line=5, created=(ChangedObject("table", f"public.t{n}"),))
        for n in range(6)
    )

    assert [one.count for one in batches] == [6]
    assert len(tables) == 6


def test_different_lines_and_errors_are_not_folded() -> None:
    """The same text on two lines stays two statements, and so does one that failed."""
    failed = StatementTrace("UPDATE t SET a = 1", line=5, error="no")

    assert len(fold([update(1), update(1, line=6)])) == 2
    assert len(fold([update(1), failed])) == 2


def test_statements_that_rename_are_not_folded() -> None:
    """Two names that are exchanged twice are where they were, which only the order of all renames shows."""
    names = (USERS, "public.spare"), (ORDERS, USERS), ("public.spare", ORDERS)
    exchange = [
        step(f"ALTER TABLE {old} RENAME TO {new}", line=3, renamed=renamed("table", old, new)) for old, new in names
    ]

    assert fold(exchange * 2) == (*exchange, *exchange)


def test_statements_that_change_the_schema_differ_by_their_values() -> None:
    """Whatever they were reported to do; those that only write rows are one statement with a count."""
    for facts, folded in (
        ({}, 1),
        ({"created": changed("table", USERS)}, 2),
        ({"altered": changed("table", USERS)}, 2),
        ({"dropped": changed("table", USERS)}, 2),
        ({"rewritten": (USERS,)}, 2),
        ({"indexes_built": ("public.ix",)}, 2),
    ):
        assert len(fold(step(f"SELECT f({number})", line=3, **facts) for number in (1, 2))) == folded
