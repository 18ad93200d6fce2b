"""Everything that `migrate analyze` says of one revision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from domain.migration.analysis.estimate import measured_rows, predicted_seconds, windows_with_estimates
from domain.migration.analysis.impact import LockWindow, Work, is_big, work_of
from domain.migration.analysis.rule import Rule, judge
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.strategy import Strategy, choose
from domain.migration.diagnostic import Diagnostic
from domain.migration.revision import Phase, Revision
from domain.migration.snapshot import ObjectKey, SchemaSnapshot, compare
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace


@dataclass(frozen=True)
class Changes:
    """Names of what an upgrade added, changed and removed, of one category."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class RevisionAnalysis:
    """A revision, judged.

    Attributes:
        trace: What Postgres reported.
        diagnostics: What the rules say, suppressed ones included.
        windows: Locks on tables that existed before, with how long each is held.
        works: Work on big tables, whether or not somebody waits for it.
        changes: By category: tables, columns, indexes, constraints, foreign keys, enums, other. Names are qualified;
            those of `other` begin with the kind of object.
        strategy: How to run it, index it and undo it.
        revision: What it is, with its phase.
        statistics: Sizes of the target's tables.
        predicted_seconds: Shortest and longest expected duration at the target; None when nobody knows.
        observed_seconds: How long it took where it was deployed; None when nobody said.
        measured: For each window, the sizes of tables at which the work that decides its length was measured.
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

    def without_catalogs(self) -> "RevisionAnalysis":
        """Let go of what only judging needs, which is most of a long report's memory."""
        return replace(self, trace=replace(self.trace, before=None, after=None, restored=None, source=""))

    @property
    def phase(self) -> Phase:
        """Where it stands in a parallel change."""
        return self.revision.phase

    @property
    def reasons(self) -> tuple[str, ...]:
        """Codes of the errors that nobody suppressed, sorted."""
        return tuple(sorted({diagnostic.code for diagnostic in self.diagnostics if diagnostic.unsafe}))

    def line_of(self, diagnostic: Diagnostic) -> int:
        """Return the line of the revision's file that a diagnostic is about; the first where it is about the whole."""
        statement = None if diagnostic.statement is None else self.trace.upgrade[diagnostic.statement]
        return statement.line if statement is not None and statement.line else 1

    @property
    def verdict(self) -> str:
        """`safe`, `unsafe`, or `not judged` where it could not be run."""
        if self.trace.not_run:
            return "not judged"
        return "unsafe" if self.reasons else "safe"


def analyze(
    trace: RevisionTrace, statistics: Statistics | None = None, rules: Iterable[Rule] | None = None
) -> RevisionAnalysis:
    """Judge a trace.

    Args:
        trace: What Postgres reported.
        statistics: Sizes of the target's tables; None when there is no target: every table counts as big.
        rules: The rules to ask; None for all of them.
    """
    known = statistics if statistics is not None else Statistics.unknown()
    asked = tuple(all_rules() if rules is None else rules)
    diagnostics = judge(trace, known, asked)
    windows = windows_with_estimates(trace, known)
    return RevisionAnalysis(
        trace=trace,
        diagnostics=diagnostics,
        windows=windows,
        measured=tuple(measured_rows(trace, windows)),
        predicted_seconds=predicted_seconds(trace, known),
        works=tuple(work for work in work_of(trace) if is_big(trace, known, work.table)),
        changes=changes(trace.before, trace.after),
        strategy=choose(trace, diagnostics, {rule.code: rule.strategy for rule in asked}),
        revision=Revision.of(trace),
        statistics=known,
    )


CATEGORIES = ("tables", "columns", "indexes", "constraints", "foreign keys", "enums", "other")


def changes(before: SchemaSnapshot | None, after: SchemaSnapshot | None) -> dict[str, Changes]:
    """Sort what changed between two catalogs into categories; all are empty when one of them is missing.

    Columns, indexes and constraints of an added or removed table are part of it and not named again.
    """
    if before is None or after is None:
        return {category: Changes() for category in CATEGORIES}
    difference = compare(before, after, ignore={"position"})
    altered = tuple(dict.fromkeys(change.key for change in difference.changed))
    new, gone, same = (
        _sorted_out(keys, before, after)
        for keys in (
            _outermost(difference.unexpected, after),
            _outermost(difference.missing, before),
            altered,
        )
    )
    return {category: Changes(new[category], same[category], gone[category]) for category in CATEGORIES}


def _outermost(keys: tuple[ObjectKey, ...], snapshot: SchemaSnapshot) -> tuple[ObjectKey, ...]:
    """Leave out what comes with a table or view that is itself among the keys."""
    containers = {name for kind, name in keys if kind in {"table", "view"}}
    inside = tuple(f"{name}." for name in containers)
    return tuple(
        (kind, name)
        for kind, name in keys
        if not (kind in {"column", "constraint", "trigger", "policy", "rule"} and name.startswith(inside))
        and snapshot.objects[kind, name].get("table") not in containers
    )


def _sorted_out(
    keys: tuple[ObjectKey, ...], before: SchemaSnapshot, after: SchemaSnapshot
) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {category: [] for category in CATEGORIES}
    for key in keys:
        kind, name = key
        category = _category(key, after if key in after.objects else before)
        found[category].append(f"{kind} {name}" if category == "other" else name)
    return {category: tuple(names) for category, names in found.items()}


def _category(key: ObjectKey, snapshot: SchemaSnapshot) -> str:
    kind, held = key[0], snapshot.objects[key]
    if kind == "constraint":
        return "foreign keys" if held.get("type") == "foreign key" else "constraints"
    if kind == "type":
        return "enums" if held.get("kind") == "enum" else "other"
    return {"table": "tables", "column": "columns", "index": "indexes"}.get(kind, "other")
