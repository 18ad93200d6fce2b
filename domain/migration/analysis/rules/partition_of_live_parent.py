"""A partition is added to a partitioned table that is in use.

CREATE TABLE … PARTITION OF takes ACCESS EXCLUSIVE on the parent, so reads and writes of the whole partitioned table
wait. The lock lasts an instant, unless Postgres must scan a default partition. ATTACH PARTITION takes only SHARE UPDATE
EXCLUSIVE on the parent. It scans the new partition, unless a CHECK constraint proves that its rows fit. The safe way is
to create a separate table with such a constraint, and to attach it:

    op.execute("CREATE TABLE events_2 (LIKE events INCLUDING ALL)")
    op.execute("ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (1000) TO (2000)")
"""

from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import added, statement_of
from domain.migration.analysis.impact import blocking_tables
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import Example
from domain.migration.analysis.wording import end_of, label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.attached_partition import AttachedPartition
from domain.migration.names import split
from domain.migration.repair.definitions import options
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "partition-of-live-parent"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.MAINTENANCE_WINDOW
BLOCKS = True
_SETUP = """
CREATE TABLE events (id bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10000);
INSERT INTO events SELECT n, 'note' FROM generate_series(1, 2000) AS n;
"""
_DEFAULT = """
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events SELECT n, 'note' FROM generate_series(20000, 22000) AS n;
"""
BAD = Example(
    _SETUP + _DEFAULT,
    'op.execute("CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10000) TO (20000)")',
    'op.execute("DROP TABLE events_2")',
)
GOOD = Example(
    _SETUP,
    """
op.execute("CREATE TABLE events_2 (LIKE events INCLUDING ALL)")
op.execute("ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES FROM (10000) TO (20000)")
""",
    'op.execute("DROP TABLE events_2")',
)
_ADVICE = "Create a separate table, with a CHECK constraint that proves the partition's bounds, and ATTACH it."


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report scans that a new partition causes, and parents that are locked for it."""
    scans = list(work_diagnostics(trace, statistics, Cause.PARTITION, CODE, _ADVICE))
    yield from scans
    reported = {diagnostic.statement for diagnostic in scans}
    blocked = blocking_tables(trace)
    for table in added(trace, "table"):
        partition = attributes(trace.after, "table", table)
        statement = statement_of(trace, "table", table)
        if statement is None or statement in reported:
            continue
        parents = partition.get("parents")
        for parent in map(str, parents if isinstance(parents, tuple) else ()):
            window = blocked.get(statement, {}).get(parent)
            if window is not None and window.blocks_reads:
                yield Diagnostic(
                    CODE,
                    Severity.WARNING,
                    statement,
                    parent,
                    f"{label(trace, statement)} adds a partition, while reads and writes of {parent} wait "
                    f"{end_of(window)}.",
                    _ADVICE,
                    _fix(trace, table, parent),
                )


def _fix(trace: RevisionTrace, table: str, parent: str) -> str:
    partition = attributes(trace.after, "table", table)
    key = partition.get("partition_key")
    constraints = (
        (name, attributes(trace.after, "constraint", name)) for name in sorted(names_of(trace.after, "constraint"))
    )
    own = tuple(
        (split(name)[1], str(entry["definition"]))
        for name, entry in constraints
        if split(name)[0] == table and entry.get("type") in _OWN and not entry.get("inherited")
    )
    return AttachedPartition(
        table,
        parent,
        str(partition["partition_bound"]),
        None if key is None else str(key),
        unlogged=partition.get("persistence") == "unlogged",
        options=options(partition.get("options")),
        constraints=own,
    ).expand.fix


_OWN = {"check", "unique"}  # of the constraints that a partition may have besides those of its parent
