"""The rule `set-local-in-autocommit`: where it speaks, and where it does not."""

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.traces import codes, revision, step


def test_set_local_in_autocommit() -> None:
    """SET LOCAL without a transaction is gone with its own statement."""
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", None))) == {"set-local-in-autocommit": "warning"}
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", 1), step("SET lock_timeout = '5s'", None))) == {}


def test_the_setting_holds_for_what_commits_by_itself_behind_it() -> None:
    """Not for another SET LOCAL, nor for what runs in a transaction."""
    trace = revision(
        step("SET LOCAL lock_timeout = '5s'", None),
        step("SET LOCAL statement_timeout = '9s'", None),
        step("VACUUM users", None),
        step("SELECT 'within'", 1),
        step("SELECT 'behind'", None),
    )
    judged = [one for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == "set-local-in-autocommit"]
    assert [one.statement for one in judged] == [0, 1]
    lines = [line.strip() for line in str(judged[0].fix).splitlines()]
    assert lines == [
        "with op.get_context().autocommit_block():",
        "op.execute(\"SET lock_timeout = '5s'\")",
        'op.execute("VACUUM users")',
        'op.execute("RESET lock_timeout")',
    ]
