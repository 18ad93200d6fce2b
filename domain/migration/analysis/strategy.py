"""The strategy for a revision: how to migrate, how to build its indexes, and how to roll back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from domain.migration.analysis.changes import added, index_table, kept
from domain.migration.analysis.impact import is_partitioned
from domain.migration.analysis.lock_windows import is_concurrent
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.refusal import refuses
from domain.migration.analysis.rules import (
    downgrade_differs,
    downgrade_fails,
    lossy_downgrade,
    missing_downgrade,
)
from domain.migration.analysis.wording import listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.trace import RevisionTrace, StatementTrace


class IndexStrategy(Enum):
    """A way to build the indexes of a revision."""

    NONE = "no index to build"
    IN_TRANSACTION = "in the transaction"
    CONCURRENTLY = "concurrently"
    PARTITION_BY_PARTITION = "partition by partition"


class RollbackStrategy(Enum):
    """A way to roll back a revision."""

    DOWNGRADE = "downgrade"
    REPAIR_DOWNGRADE = "mend the downgrade first"
    BACKUP = "backup, or forward only"


@dataclass(frozen=True)
class Strategy:
    """The strategy for one revision.

    Attributes:
        migration: How to reach the new schema.
        index: How to build the indexes.
        rollback: How to roll back.
        why: One sentence of reason for each of these, in this order.
    """

    migration: MigrationStrategy
    index: IndexStrategy
    rollback: RollbackStrategy
    why: tuple[str, ...]


def choose(
    trace: RevisionTrace, diagnostics: Sequence[Diagnostic], strategies: Mapping[str, MigrationStrategy | None]
) -> Strategy:
    """Return the strategy for a revision. Suppressed diagnostics do not count.

    Args:
        trace: Trace of the revision.
        diagnostics: Diagnostics of the rules.
        strategies: Migration strategy that each rule requires for its errors, by its code; None for no requirement.
    """
    errors = {
        diagnostic.code: diagnostic
        for diagnostic in diagnostics
        if diagnostic.severity is Severity.ERROR and diagnostic.suppressed_reason is None
    }
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
        return MigrationStrategy.DIRECT, f"direct, once this is corrected: {next(iter(errors.values())).message}"
    locked = listed(list(trace.locks))
    if locked:
        return MigrationStrategy.DIRECT, f"direct: the locks on {locked} block nobody for long."
    return MigrationStrategy.DIRECT, "direct: no table that existed before is locked."


def _index(trace: RevisionTrace) -> tuple[IndexStrategy, str]:
    built_indexes = {
        name for statement in trace.upgrade for name in (*statement.indexes_built, *_reindexed(trace, statement))
    }
    live_indexes = sorted(name for name in built_indexes if index_table(trace, name) in trace.tables)
    if not built_indexes:
        return IndexStrategy.NONE, "no index is built."
    if not live_indexes:
        return IndexStrategy.IN_TRANSACTION, "indexes are built in the transaction: their tables are new."
    if any(is_partitioned(trace, str(index_table(trace, name))) for name in added(trace, "index")):
        why = "partition by partition: ON ONLY the parent, concurrently on each partition, then ATTACH."
        return IndexStrategy.PARTITION_BY_PARTITION, why
    state = "is" if all(map(is_concurrent, _builders(trace, live_indexes))) else "should be"
    return IndexStrategy.CONCURRENTLY, f"{', '.join(live_indexes)} {state} built concurrently: the table is in use."


def _builders(trace: RevisionTrace, live: list[str]) -> list[StatementTrace]:
    return [statement for statement in trace.upgrade if {*statement.indexes_built, *statement.rewritten} & {*live}]


def _reindexed(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    indexes, rewritten = set(kept(trace, "index")), set(statement.rewritten)
    return [name for name in statement.rewritten if name in indexes and index_table(trace, name) not in rewritten]


def _staying(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """Return the objects that the downgrade leaves and may leave."""
    codes = {missing_downgrade.CODE, downgrade_differs.CODE}
    return [
        diagnostic.relation
        for diagnostic in diagnostics
        if diagnostic.code in codes and diagnostic.severity is Severity.WARNING and diagnostic.relation is not None
    ]


def _rollback(trace: RevisionTrace, errors: dict[str, Diagnostic], stays: list[str]) -> tuple[RollbackStrategy, str]:
    if refuses(trace):
        return RollbackStrategy.BACKUP, f"the downgrade refuses: {trace.downgrade_error}"
    if lossy_downgrade.CODE in errors:
        return RollbackStrategy.BACKUP, f"values are lost: {errors[lossy_downgrade.CODE].message}"
    for code in (downgrade_fails.CODE, missing_downgrade.CODE, downgrade_differs.CODE):
        if code in errors:
            return RollbackStrategy.REPAIR_DOWNGRADE, errors[code].message
    if trace.downgrade is None:
        return RollbackStrategy.BACKUP, "the downgrade was not run, because the upgrade failed."
    if stays:
        return RollbackStrategy.DOWNGRADE, f"the downgrade succeeds, but cannot undo the change of {listed(stays)}."
    return RollbackStrategy.DOWNGRADE, "the downgrade restores the schema."
