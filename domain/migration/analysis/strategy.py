"""How a revision should be run, indexed and undone, and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from domain.migration.analysis.impact import index_table, is_concurrent, is_partitioned
from domain.migration.analysis.judging import added, kept, listed, refuses
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rules import (
    downgrade_differs,
    downgrade_fails,
    lossy_downgrade,
    missing_downgrade,
)
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.trace import RevisionTrace, StatementTrace


class IndexStrategy(Enum):
    """How to build the indexes."""

    NONE = "no index to build"
    IN_TRANSACTION = "in the transaction"
    CONCURRENTLY = "concurrently"
    PARTITION_BY_PARTITION = "partition by partition"


class RollbackStrategy(Enum):
    """How to come back."""

    DOWNGRADE = "downgrade"
    REPAIR_DOWNGRADE = "mend the downgrade first"
    BACKUP = "backup, or forward only"


@dataclass(frozen=True)
class Strategy:
    """Three decisions.

    Attributes:
        migration: How to get the schema there.
        index: How to build the indexes.
        rollback: How to come back.
        why: The reasons, a sentence each, in this order.
    """

    migration: MigrationStrategy
    index: IndexStrategy
    rollback: RollbackStrategy
    why: tuple[str, ...]


def choose(
    trace: RevisionTrace, diagnostics: Sequence[Diagnostic], strategies: Mapping[str, MigrationStrategy | None]
) -> Strategy:
    """Decide from what a revision does and what the rules say of it; suppressed diagnostics do not count.

    Args:
        trace: What Postgres reported.
        diagnostics: What the rules say.
        strategies: How to get the schema there where a rule stops the revision, by its code.
    """
    errors = {one.code: one for one in diagnostics if one.severity is Severity.ERROR and one.suppressed_reason is None}
    migration, migration_why = _migration(trace, errors, strategies)
    index, index_why = _index(trace)
    rollback, rollback_why = _rollback(trace, errors, _staying(diagnostics))
    return Strategy(migration, index, rollback, (migration_why, index_why, rollback_why))


def _migration(
    trace: RevisionTrace, errors: dict[str, Diagnostic], strategies: Mapping[str, MigrationStrategy | None]
) -> tuple[MigrationStrategy, str]:
    for strategy in MigrationStrategy:
        for code, error in errors.items():
            if strategies.get(code) is strategy:
                return strategy, f"{strategy.value}: {error.message}"
    if errors:
        return MigrationStrategy.DIRECT, f"direct, once this is mended: {next(iter(errors.values())).message}"
    locked = listed(list(trace.locks))
    if locked:
        return MigrationStrategy.DIRECT, f"direct: the locks on {locked} stop nobody for long."
    return MigrationStrategy.DIRECT, "direct: no table that existed before is locked."


def _index(trace: RevisionTrace) -> tuple[IndexStrategy, str]:
    built = {name for statement in trace.upgrade for name in (*statement.indexes_built, *_reindexed(trace, statement))}
    live = sorted(name for name in built if index_table(trace, name) in trace.tables)
    if not built:
        return IndexStrategy.NONE, "no index is built."
    if not live:
        return IndexStrategy.IN_TRANSACTION, "indexes are built in the transaction: their tables are new."
    if any(is_partitioned(trace, str(index_table(trace, name))) for name in added(trace, "index")):
        why = "partition by partition: ON ONLY the parent, concurrently on each partition, then ATTACH."
        return IndexStrategy.PARTITION_BY_PARTITION, why
    state = "is" if all(map(is_concurrent, _builders(trace, live))) else "should be"
    return IndexStrategy.CONCURRENTLY, f"{', '.join(live)} {state} built concurrently: the table is in use."


def _builders(trace: RevisionTrace, live: list[str]) -> list[StatementTrace]:
    return [statement for statement in trace.upgrade if {*statement.indexes_built, *statement.rewritten} & {*live}]


def _reindexed(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    indexes, anew = set(kept(trace, "index")), set(statement.rewritten)
    return [name for name in statement.rewritten if name in indexes and index_table(trace, name) not in anew]


def _staying(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Name what the downgrade leaves, and may."""
    codes = {missing_downgrade.CODE, downgrade_differs.CODE}
    return [
        one.relation
        for one in diagnostics
        if one.code in codes and one.severity is Severity.WARNING and one.relation is not None
    ]


def _rollback(trace: RevisionTrace, errors: dict[str, Diagnostic], stays: list[str]) -> tuple[RollbackStrategy, str]:
    if refuses(trace):
        return RollbackStrategy.BACKUP, f"the downgrade refuses: {trace.downgrade_error}"
    if lossy_downgrade.CODE in errors:
        return RollbackStrategy.BACKUP, f"values do not come back: {errors[lossy_downgrade.CODE].message}"
    for code in (downgrade_fails.CODE, missing_downgrade.CODE, downgrade_differs.CODE):
        if code in errors:
            return RollbackStrategy.REPAIR_DOWNGRADE, errors[code].message
    if trace.downgrade is None:
        return RollbackStrategy.BACKUP, "the downgrade was not run, as the upgrade failed."
    if stays:
        return RollbackStrategy.DOWNGRADE, f"the downgrade runs, and leaves {listed(stays)} as it is."
    return RollbackStrategy.DOWNGRADE, "the downgrade gives the schema back."
