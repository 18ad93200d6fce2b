"""Rows that an upgrade inserts and that may exist already, so that its downgrade may delete rows of others."""

from domain.migration.analysis.unseen import top
from domain.migration.digest import DataDigest
from domain.migration.snapshot import names_of
from domain.migration.trace import RevisionTrace

CAUSE = "if rows that the upgrade inserts exist already, it keeps them, but the downgrade deletes them"


def inserted_into(trace: RevisionTrace) -> list[str]:
    """Return the tables into which an upgrade inserts rows and that exist before and after it.

    The topmost partitioned table stands for its partitions.
    """
    tables = {top(trace, name) for statement in trace.upgrade for name, rows in statement.rows.items() if rows.inserted}
    return sorted(tables & names_of(trace.before, "table") & names_of(trace.after, "table"))


def spares(table: str, usual: tuple[DataDigest, DataDigest], there: tuple[DataDigest, DataDigest]) -> bool:
    """Return whether an upgrade inserts fewer rows into a table that already has these rows.

    Args:
        table: Name of the table.
        usual: Digests before and after the upgrade.
        there: Digests before and after an upgrade for which the rows that it inserts existed already.
    """
    states = [digest.tables.get(table) for digest in (*usual, *there)]
    before, after, there_before, there_after = (0 if state is None else state.rows for state in states)
    return there_after - there_before < after - before
