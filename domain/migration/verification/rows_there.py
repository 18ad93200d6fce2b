"""Rows that an upgrade inserts and that may have been there before it: does its downgrade take what it did not give?"""

from domain.migration.analysis.unseen import top
from domain.migration.digest import DataDigest
from domain.migration.snapshot import names_of
from domain.migration.trace import RevisionTrace

CAUSE = "where the rows that the upgrade inserts are there already, it leaves them, and the downgrade takes them away"


def inserted_into(trace: RevisionTrace) -> list[str]:
    """Return the tables that get rows from an upgrade, were there before it and stay; of partitions, the topmost."""
    tables = {top(trace, name) for statement in trace.upgrade for name, rows in statement.rows.items() if rows.inserted}
    return sorted(tables & names_of(trace.before, "table") & names_of(trace.after, "table"))


def spares(table: str, usual: tuple[DataDigest, DataDigest], there: tuple[DataDigest, DataDigest]) -> bool:
    """Return whether an upgrade inserts fewer rows into a table that has them already.

    Args:
        table: Its name.
        usual: The rows before and after the upgrade.
        there: The same, where those that it inserts were there before.
    """
    states = [digest.tables.get(table) for digest in (*usual, *there)]
    before, after, there_before, there_after = (0 if state is None else state.rows for state in states)
    return there_after - there_before < after - before
