"""The result of `migrate analyze` for one revision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from domain.migration.analysis.estimate import estimate, measured_rows, predicted_seconds, windows_with_estimates
from domain.migration.analysis.impact import Work, is_big, work_of, work_on_views
from domain.migration.analysis.lock_windows import LockWindow, other_windows
from domain.migration.analysis.rule import Rule, judge
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.strategy import Strategy, choose
from domain.migration.diagnostic import Diagnostic
from domain.migration.revision import Phase, Revision
from domain.migration.snapshot import ObjectKey, SchemaSnapshot, compare, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace


@dataclass(frozen=True)
class Changes:
    """Names of the objects of one category that an upgrade added, changed and removed."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any change."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class RevisionAnalysis:
    """The analysis of one revision.

    Attributes:
        trace: Trace of the revision in the sandbox.
        diagnostics: Diagnostics of the rules, including suppressed ones.
        windows: Locks on tables that existed before, with their estimated duration.
        works: Work on big tables and materialized views, whether or not somebody waits for it.
        other_windows: Locks on views and sequences that existed before.
        estimates: Shortest and longest expected seconds of the statements of the upgrade, by index; without those that
            were not measured. A statement that commits its batches has those of one batch.
        views_and_sequences: Names of the views and sequences that existed before.
        changes: Changes of the schema by category: tables, columns, indexes, constraints, foreign keys, enums, other.
            Names are qualified; those of `other` begin with the kind of object.
        strategy: How to migrate, how to build the indexes, and how to roll back.
        revision: The revision with its phase.
        statistics: Statistics of the target.
        predicted_seconds: Shortest and longest expected duration at the target, in seconds; None without an estimate.
        observed_seconds: Duration of a deployment, in seconds; None if it is not known.
        measured: For each window, the numbers of rows at which its duration was measured, by table.
    """

    trace: RevisionTrace
    diagnostics: tuple[Diagnostic, ...]
    windows: tuple[LockWindow, ...]
    changes: Mapping[str, Changes]
    strategy: Strategy
    revision: Revision = field(compare=False)
    statistics: Statistics = field(default_factory=Statistics.unknown)
    measured: tuple[Mapping[str, tuple[int, ...]], ...] = ()
    predicted_seconds: tuple[float, float] | None = None
    observed_seconds: float | None = None
    works: tuple[Work, ...] = ()
    other_windows: tuple[LockWindow, ...] = ()
    views_and_sequences: frozenset[str] = frozenset()
    estimates: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def without_catalogs(self) -> "RevisionAnalysis":
        """Return the analysis without the schemas and the source, which take most of the memory of a long report."""
        return replace(self, trace=replace(self.trace, before=None, after=None, restored=None, source=""))

    @property
    def phase(self) -> Phase:
        """Phase of the revision in a parallel change."""
        return self.revision.phase

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the errors that are not suppressed, sorted."""
        return tuple(sorted({diagnostic.code for diagnostic in self.diagnostics if diagnostic.unsafe}))

    def line_of(self, diagnostic: Diagnostic) -> int:
        """Return the line of the revision's file that a diagnostic is about; 1 if it is about the whole revision."""
        statement = None if diagnostic.statement is None else self.trace.upgrade[diagnostic.statement]
        return statement.line if statement is not None and statement.line else 1

    @property
    def verdict(self) -> str:
        """`safe`, `unsafe`, or `not judged` if the revision could not be run."""
        if self.trace.not_run:
            return "not judged"
        return "unsafe" if self.reasons else "safe"


def analyze(
    trace: RevisionTrace, statistics: Statistics | None = None, rules: Iterable[Rule] | None = None
) -> RevisionAnalysis:
    """Return the analysis of a trace.

    Args:
        trace: Trace of the revision in the sandbox.
        statistics: Statistics of the target; None if there is no target, so that every table counts as big.
        rules: Rules that judge the trace; None for all rules.
    """
    target_statistics = statistics if statistics is not None else Statistics.unknown()
    judging_rules = tuple(all_rules() if rules is None else rules)
    diagnostics = judge(trace, target_statistics, judging_rules)
    windows = windows_with_estimates(trace, target_statistics)
    return RevisionAnalysis(
        trace=trace,
        diagnostics=diagnostics,
        windows=windows,
        measured=tuple(measured_rows(trace, windows)),
        predicted_seconds=predicted_seconds(trace, target_statistics),
        works=tuple(
            work for work in (*work_of(trace), *work_on_views(trace)) if is_big(trace, target_statistics, work.table)
        ),
        other_windows=tuple(other_windows(trace)),
        views_and_sequences=names_of(trace.before, "view") | names_of(trace.before, "sequence"),
        estimates=estimate(trace, target_statistics),
        changes=changes(trace.before, trace.after),
        strategy=choose(trace, diagnostics, {rule.code: rule.strategy for rule in judging_rules}),
        revision=Revision.of(trace),
        statistics=target_statistics,
    )


CATEGORIES = ("tables", "columns", "indexes", "constraints", "foreign keys", "enums", "other")


def changes(before: SchemaSnapshot | None, after: SchemaSnapshot | None) -> dict[str, Changes]:
    """Return the changes between two schemas by category; all empty if one of the schemas is missing.

    Columns, indexes and constraints of an added or removed table are not listed beside the table.
    """
    if before is None or after is None:
        return {category: Changes() for category in CATEGORIES}
    difference = compare(before, after, ignore={"position"})
    altered = tuple(dict.fromkeys(change.key for change in difference.changed))
    added, removed, changed = (
        _by_category(keys, before, after)
        for keys in (
            _outermost(difference.unexpected, after),
            _outermost(difference.missing, before),
            altered,
        )
    )
    return {category: Changes(added[category], changed[category], removed[category]) for category in CATEGORIES}


def _outermost(keys: tuple[ObjectKey, ...], snapshot: SchemaSnapshot) -> tuple[ObjectKey, ...]:
    """Return the keys without those that belong to a table or view that is itself among the keys."""
    containers = {name for kind, name in keys if kind in {"table", "view"}}
    inside = tuple(f"{name}." for name in containers)
    return tuple(
        (kind, name)
        for kind, name in keys
        if not (kind in {"column", "constraint", "trigger", "policy", "rule"} and name.startswith(inside))
        and snapshot.objects[kind, name].get("table") not in containers
    )


def _by_category(
    keys: tuple[ObjectKey, ...], before: SchemaSnapshot, after: SchemaSnapshot
) -> dict[str, tuple[str, ...]]:
    names_by_category: dict[str, list[str]] = {category: [] for category in CATEGORIES}
    for key in keys:
        kind, name = key
        category = _category(key, after if key in after.objects else before)
        names_by_category[category].append(f"{kind} {name}" if category == "other" else name)
    return {category: tuple(names) for category, names in names_by_category.items()}


def _category(key: ObjectKey, snapshot: SchemaSnapshot) -> str:
    kind, attributes = key[0], snapshot.objects[key]
    if kind == "constraint":
        return "foreign keys" if attributes.get("type") == "foreign key" else "constraints"
    if kind == "type":
        return "enums" if attributes.get("kind") == "enum" else "other"
    return {"table": "tables", "column": "columns", "index": "indexes"}.get(kind, "other")
