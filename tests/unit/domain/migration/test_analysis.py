"""Verdict, suppression, changes by category, phase and strategy."""

from dataclasses import replace

from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.revision_analysis import analyze, changes
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.strategy import IndexStrategy, RollbackStrategy, choose
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.locks import LockMode
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, fold
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    column,
    constraint,
    index,
    revision,
    step,
    table,
    updated,
    without,
)

BUILD = step("CREATE INDEX ix", 1, LockMode.SHARE, indexes_built=("public.ix",))
UNSAFE = revision(BUILD, after={**BASE, **index("ix", USERS)})


def test_an_error_makes_a_revision_unsafe() -> None:
    """The reasons are the codes of errors; warnings and notes are none."""
    found = analyze(UNSAFE)
    assert (found.verdict, found.reasons) == ("unsafe", ("blocking-index-build",))
    noted = analyze(revision(step("ALTER", 1, LockMode.ACCESS_EXCLUSIVE, lock_timeout="0")))
    assert (noted.verdict, noted.reasons, len(noted.diagnostics)) == ("safe", (), 1)


def test_sizes_of_the_target_decide() -> None:
    """The same revision is safe where the table has few rows."""
    assert analyze(UNSAFE, Statistics({USERS: TableStatistics(rows=12)})).verdict == "safe"


def test_suppression_needs_a_reason() -> None:
    """With a reason the diagnostic stays, and is no reason any more; without one nothing is suppressed."""
    found = analyze(replace(UNSAFE, safety_assured={"blocking-index-build": "read-only at night"}))
    assert found.verdict == "safe"
    assert found.diagnostics[0].suppressed_reason == "read-only at night"
    empty = replace(UNSAFE, safety_assured={"blocking-index-build": "  "})
    assert codes(empty) == {"blocking-index-build": "error", "unused-suppression": "warning"}


def test_an_unused_suppression_is_told() -> None:
    """A suppression of what nobody says would hide something later."""
    assert codes(revision(step("SELECT 1"), safety_assured={"table-rewrite": "why not"})) == {
        "unused-suppression": "warning"
    }


def test_changes_by_category() -> None:
    """A new table is one change, with all that is in it; foreign keys and enums have their own categories."""
    after: Objects = {
        **without(BASE, f"{USERS}.name"),
        **column(f"{USERS}.email", not_null=True),
        **table("public.plans", "id"),
        **index("ix_plans", "public.plans", "btree (id)"),
        **index("ix", USERS),
        **constraint(f"{USERS}.fk", "foreign key", "FOREIGN KEY (id) REFERENCES plans(id)"),
        ("type", "public.plan"): {"kind": "enum", "values": ("free",)},
        ("extension", "vector"): {"version": "0.8.5"},
    }
    found = analyze(revision(step("SELECT 1"), after=after)).changes
    assert found["tables"].added == ("public.plans",)
    assert (found["columns"].changed, found["columns"].removed) == ((f"{USERS}.email",), (f"{USERS}.name",))
    assert found["indexes"].added == ("public.ix",)
    assert found["foreign keys"].added == (f"{USERS}.fk",)
    assert found["enums"].added == ("public.plan",)
    assert found["other"].added == ("extension vector",)
    assert not found["constraints"]


def test_a_failed_upgrade_has_no_changes() -> None:
    """Without a catalog afterwards there is nothing to compare."""
    assert not any(analyze(replace(UNSAFE, after=None)).changes.values())


def test_phase() -> None:
    """The docstring says the phase; else what happened does."""
    assert declared_phase("Add it.\n\nPhase: Migrate\n") is Phase.MIGRATE
    assert declared_phase("Phase: sometime") is None
    assert analyze(UNSAFE).phase is Phase.EXPAND
    assert analyze(revision(step("UPDATE", rows={USERS: RowCounts(updated=1)}))).phase is Phase.MIGRATE
    dropped = analyze(revision(step("ALTER"), after=without(BASE, f"{USERS}.name")))
    assert dropped.phase is Phase.CONTRACT
    assert not dropped.revision.declared


def test_strategy_of_a_plain_revision() -> None:
    """A column more needs no plan."""
    found = analyze(revision(step("ALTER", 1, LockMode.ACCESS_EXCLUSIVE), after={**BASE, **column(f"{USERS}.plan")}))
    assert found.strategy.migration is MigrationStrategy.DIRECT
    assert found.strategy.index is IndexStrategy.NONE
    assert found.strategy.rollback is RollbackStrategy.DOWNGRADE
    assert len(found.strategy.why) == 3


def test_strategy_of_a_drop() -> None:
    """A dropped column is the end of a parallel change, and its values come from a backup only."""
    drop = step("ALTER", 1, LockMode.ACCESS_EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    found = analyze(revision(drop, after=without(BASE, f"{USERS}.name"))).strategy
    assert found.migration is MigrationStrategy.EXPAND_MIGRATE_CONTRACT
    assert found.rollback is RollbackStrategy.BACKUP


def test_strategy_of_a_downgrade_that_refuses() -> None:
    """The values come from a backup, and the message of the refusal says why."""
    refused = revision(step("ALTER"), downgrade=(), downgrade_error="the values are gone", restored=None)
    chosen = analyze(refused).strategy
    assert chosen.rollback is RollbackStrategy.BACKUP
    assert "the downgrade refuses: the values are gone" in chosen.why


def test_every_rule_that_changes_the_plan_says_so_itself() -> None:
    """The strategy is that of the rule which stops the revision; the one that splits it furthest comes first."""
    strategies = {rule.code: rule.strategy for rule in all_rules()}
    trace = revision(step("ALTER"))

    def chosen(*codes: str) -> MigrationStrategy:
        errors = [Diagnostic(code, Severity.ERROR, None, None, "It is so.", "Mend it.") for code in codes]
        return choose(trace, errors, strategies).migration

    assert chosen("lock-without-timeout") is MigrationStrategy.DIRECT
    assert chosen("breaks-old-code") is MigrationStrategy.EXPAND_MIGRATE_CONTRACT
    assert chosen("schema-and-data-together") is MigrationStrategy.TWO_PHASES
    assert chosen("work-under-lock") is MigrationStrategy.MAINTENANCE_WINDOW
    assert chosen("work-under-lock", "unbatched-write", "required-column") is MigrationStrategy.EXPAND_MIGRATE_CONTRACT


def test_strategy_of_an_index() -> None:
    """A table in use wants a concurrent build, a new one does not care."""
    assert analyze(UNSAFE).strategy.index is IndexStrategy.CONCURRENTLY
    fresh = {**BASE, **table("public.plans", "id"), **index("ix", "public.plans", "btree (id)")}
    found = analyze(revision(step("CREATE INDEX ix", indexes_built=("public.ix",)), after=fresh))
    assert found.strategy.index is IndexStrategy.IN_TRANSACTION


def test_strategy_of_a_bulk_update() -> None:
    """Schema and data go in two phases."""
    found = analyze(revision(step("UPDATE", rows=updated())))
    assert found.strategy.migration is MigrationStrategy.TWO_PHASES


def test_folded_batches_are_safe() -> None:
    """2,000 rows in four batches that commit are one line with a count, and safe."""
    batch = step("UPDATE", None, LockMode.ROW_EXCLUSIVE, rows=updated(500), scanned={USERS: 2000})
    statements = fold([batch] * 4)
    assert [one.count for one in statements] == [4]
    assert analyze(revision(*statements)).verdict == "safe"


def test_what_comes_with_a_table_is_not_named_again() -> None:
    """Its columns, constraints and indexes; a function with a name that begins so is no part of it."""
    new = {
        **table("public.new", "id"),
        **constraint("public.new.pk", "primary key", "PRIMARY KEY (id)"),
        **index("ix_new", "public.new"),
        **index("ix_old", USERS),
        **column(f"{USERS}.plan"),
        ("sequence", "public.new.seq"): {},
        ("view", "public.v"): {},
        ("trigger", "public.v.t"): {},
    }
    said = changes(SchemaSnapshot(BASE), SchemaSnapshot({**BASE, **new}))
    assert said["tables"].added == ("public.new",)
    assert said["columns"].added == (f"{USERS}.plan",)
    assert said["constraints"].added == ()
    assert said["indexes"].added == ("public.ix_old",)
    assert said["other"].added == ("sequence public.new.seq", "view public.v")


def test_a_change_is_in_one_category() -> None:
    """A foreign key is no other constraint, and an enum no other type; what altered stands once."""
    key = {**constraint(f"{ORDERS}.fk", "foreign key", "x"), **constraint(f"{ORDERS}.ck", "check", "x")}
    types: Objects = {("type", "mood"): {"kind": "enum"}, ("type", "age"): {"kind": "domain"}}
    said = changes(SchemaSnapshot({**BASE, **key, **types}), SchemaSnapshot(BASE))
    assert (said["foreign keys"].removed, said["constraints"].removed) == ((f"{ORDERS}.fk",), (f"{ORDERS}.ck",))
    assert (said["enums"].removed, said["other"].removed) == (("mood",), ("type age",))
    altered = {**BASE, **column(f"{USERS}.name", "integer", not_null=True)}
    assert changes(SchemaSnapshot(BASE), SchemaSnapshot(altered))["columns"].changed == (f"{USERS}.name",)
    assert not any(one.added or one.removed for one in changes(None, SchemaSnapshot(BASE)).values())


def test_a_reindex_is_a_build_of_the_indexes_that_were_there() -> None:
    """A rewrite of a table gives its indexes new files as well, and builds none of its own."""
    both = {**BASE, **index("ix", USERS)}
    reindex = step("REINDEX INDEX ix", 1, LockMode.SHARE, rewritten=("public.ix",))
    assert choose(revision(reindex, before=both), (), {}).index is IndexStrategy.CONCURRENTLY
    rewrite = step("ALTER TABLE users", 1, rewritten=(USERS, "public.ix"))
    assert choose(revision(rewrite, before=both), (), {}).index is IndexStrategy.NONE


def test_what_stays_after_the_downgrade_is_said_of_the_way_back() -> None:
    """Of a warning of the rules about it; any other warning has nothing to do with the way back."""
    for code, said in (
        ("downgrade-differs", "the downgrade succeeds, but cannot undo the change of mood."),
        ("table-rewrite", "the downgrade restores the schema."),
    ):
        stays = Diagnostic(code, Severity.WARNING, None, "mood", "x", "y")
        assert choose(revision(step("SELECT 1")), (stays,), {}).why[2] == said


def test_a_diagnostic_points_at_the_line_of_its_statement() -> None:
    """One about the whole revision, or about a statement whose line is not known, points at the first line."""
    analysis = analyze(revision(step("SELECT 1", line=7), step("SELECT 2")))
    about_first, about_second, about_all = (
        Diagnostic("x", Severity.ERROR, statement, None, "It fails.", "Correct it.") for statement in (0, 1, None)
    )
    assert [analysis.line_of(diagnostic) for diagnostic in (about_first, about_second, about_all)] == [7, 1, 1]
