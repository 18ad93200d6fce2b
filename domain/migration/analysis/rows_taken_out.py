"""Partitions and child tables that an upgrade takes out of their parent, in which the old code looks for their rows."""

from collections.abc import Iterator

from domain.migration.analysis.changes import kept
from domain.migration.analysis.moves import ancestors
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace


def taken_out(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    """Return the tables with rows that were partitions or children, each with the parent that has lost them."""
    before, after = ancestors(trace.before), ancestors(trace.after)
    for child in kept(trace, "table"):
        rows = trace.tables[child].rows if child in trace.tables else 0
        for parent in texts(attributes(trace.before, "table", child).get("parents")) if rows else ():
            if (
                parent in before.get(child, ())
                and parent not in after.get(child, ())
                and attributes(trace.after, "table", parent)
                and not _filled_below(trace, parent, rows)
            ):
                yield child, parent


def empty_successor(trace: RevisionTrace, partition: str) -> str | None:
    """Return the partition without rows that has the bounds of a detached one, in the same table."""
    before = attributes(trace.before, "table", partition)
    for name in sorted(names_of(trace.after, "table") - {partition}):
        entry = attributes(trace.after, "table", name)
        is_filled = name in trace.tables and trace.tables[name].rows
        is_successor = all(entry.get(key) == before.get(key) for key in ("partition_bound", "parents"))
        if before.get("partition_bound") and is_successor and not is_filled:
            return name
    return None


def _filled_below(trace: RevisionTrace, parent: str, rows: int) -> bool:
    """Return whether at least half as many rows are inserted into a table or into what is below it."""
    below = {parent, *(name for name, parents in ancestors(trace.after).items() if parent in parents)}
    inserted = (traced.rows[name].inserted for traced in trace.upgrade for name in below & traced.rows.keys())
    return sum(inserted) >= rows / 2
