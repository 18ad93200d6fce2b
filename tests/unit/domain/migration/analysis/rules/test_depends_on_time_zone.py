"""The rule `depends-on-time-zone`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.statistics import Statistics
from domain.migration.trace import StatementTrace, ZoneRun
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import USERS, revision, step

ALTER = step("ALTER TABLE users ALTER seen TYPE timestamptz", 1, EXCLUSIVE)
REWRITE = replace(ALTER, rewritten=(USERS,))
FAILING = replace(ALTER, error="out of range", sqlstate="22008")


def zones(here: StatementTrace, there: StatementTrace) -> list[str]:
    """What the rule says of a statement in UTC and in Berlin."""
    trace = revision(here, other_zone=ZoneRun("UTC", "Europe/Berlin", (there,)))
    judged = judge(trace, Statistics.unknown(), all_rules())
    return [one.message for one in judged if one.code == "depends-on-time-zone"]


def test_a_statement_that_does_the_same_in_both_zones() -> None:
    """Whatever it does."""
    for statement in (ALTER, REWRITE, FAILING):
        assert zones(statement, statement) == []


def test_a_rewrite_in_one_zone_only() -> None:
    """It is told in which; of a statement that is another one there, nothing is."""
    (message,) = zones(ALTER, REWRITE)
    assert "rewrites public.users under ACCESS EXCLUSIVE where the session's TimeZone is Europe/Berlin" in message
    assert "only changes the catalog where it is UTC" in message
    (message,) = zones(REWRITE, ALTER)
    assert "under ACCESS EXCLUSIVE where the session's TimeZone is UTC" in message
    assert zones(ALTER, replace(REWRITE, sql="ALTER TABLE other")) == []
    assert zones(ALTER, replace(ALTER, rewritten=("public.new",))) == []


def test_a_failure_in_one_zone_only() -> None:
    """With what the server said there."""
    (message,) = zones(ALTER, FAILING)
    assert "fails where the session's TimeZone is Europe/Berlin: out of range" in message
    (message,) = zones(FAILING, ALTER)
    assert "fails where the session's TimeZone is UTC: out of range" in message


def test_a_zone_that_the_sandbox_does_not_take() -> None:
    """It is said, and nothing else is."""
    trace = revision(ALTER, refused_settings={"TimeZone": "Mars"})
    assert "TimeZone = 'Mars'" in diagnostic(trace, "depends-on-time-zone").message


def test_values_that_another_zone_loses_are_those_of_a_table() -> None:
    """Whether a column or the whole table has lost them."""
    for name in (USERS, f"{USERS}.seen"):
        run = ZoneRun("UTC", "Europe/Berlin", (ALTER,), lost=frozenset({name}))
        lost = diagnostic(revision(ALTER, other_zone=run), "depends-on-time-zone")
        assert (lost.relation, lost.statement) == (USERS, None)
        assert (
            f"does not restore every value: {name} differs in sessions whose TimeZone is Europe/Berlin" in lost.message
        )


def test_the_zone_is_set_in_both_directions() -> None:
    """A downgrade in another zone than the upgrade would give back other times."""
    trace = revision(ALTER, other_zone=ZoneRun("UTC", "Europe/Berlin", (REWRITE,)))
    assert diagnostic(trace, "depends-on-time-zone").fix == (
        "op.execute(\"SET LOCAL TimeZone = 'UTC'\")\n# then the change\n\n"
        "def downgrade() -> None:\n    op.execute(\"SET LOCAL TimeZone = 'UTC'\")\n    ...  # then what is there now\n"
    )
