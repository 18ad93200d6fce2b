"""How rules judge a trace together."""

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.traces import revision, step


def test_what_holds_for_each_turn_of_a_loop_is_said_once() -> None:
    """Statements with one text that fail for one reason have one diagnostic, which counts the others."""
    update = step("UPDATE users SET email = %s WHERE id = %s", error="duplicate key", sqlstate="23505")
    other = step("UPDATE users SET name = %s WHERE id = %s", error="duplicate key", sqlstate="23505")
    trace = revision(update, other, *[update] * 1200, went_on=True)
    failing = [
        diagnostic
        for diagnostic in judge(trace, Statistics.unknown(), all_rules())
        if diagnostic.code == "fails-on-existing-rows"
    ]

    assert [diagnostic.statement for diagnostic in failing] == [0, 1]
    assert failing[0].message.endswith("(SQLSTATE 23505). The same holds for 1,200 later statements with this text.")
    assert failing[1].message.endswith("(SQLSTATE 23505).")
