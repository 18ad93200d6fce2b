"""The rule `breaks-old-code`: where it speaks, and where it does not."""

from typing import Any

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.compatibility import ApplicationStatement, BrokenStatement, Compatibility
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, Objects, column, revision, step, without


def broken(sqlstate: str = "42703", table_name: str = USERS, **more: Any) -> BrokenStatement:
    """A statement that fails now."""
    return BrokenStatement(ApplicationStatement("SELECT 1", table_name), "it failed", sqlstate, **more)


def severities(*statements: BrokenStatement, **more: Any) -> list[str]:
    """What the rule says of some statements."""
    compatibility = Compatibility(9, statements)
    trace = revision(step("ALTER"), compatibility=compatibility, **more)
    judged = judge(trace, Statistics.unknown(), all_rules())
    return [one.severity.value for one in judged if one.code == "breaks-old-code"]


def test_a_statement_that_fails_is_an_error() -> None:
    """One for each table; one that fails only where it was prepared is a note beside it."""
    assert severities(broken(), broken()) == ["error"]
    assert severities(broken(), broken(table_name=ORDERS)) == ["error", "error"]
    assert severities(broken(), broken(when_prepared=True)) == ["error", "note"]
    assert severities() == []


def test_a_contract_expects_it() -> None:
    """Then it is a warning."""
    assert severities(broken(), docstring="x\n\nPhase: contract") == ["warning"]


def test_what_other_rules_explain_is_not_said() -> None:
    """A table, column or function that is gone, and a NULL that is refused by the table itself."""
    no_users = without(BASE, *(key[1] for key in BASE if key[1].startswith(USERS)))
    no_name = without(BASE, f"{USERS}.name")
    no_function: Objects = {**BASE, ("function", "f()"): {"definition": "RETURNS trigger"}}
    assert severities(broken("42P01"), after=no_users) == []
    assert severities(broken("XX000"), after=no_users) == []
    assert severities(broken("42703"), after=no_name) == []
    assert severities(broken("42883"), before=no_function, after=BASE) == []
    assert severities(broken("XX000"), after=no_name) == ["error"]
    assert severities(broken("42703", ORDERS), after=no_name) == ["error"]
    assert severities(broken("23502")) == []
    assert severities(broken("23502", relation=ORDERS)) == ["error"]


def test_a_column_that_is_generated_now_refuses_values() -> None:
    """Of a key that numbers itself code seldom gives one; a column that is computed now was given before."""
    generated = "428C9"
    assert severities(broken(generated)) == ["warning"]
    computed = {**BASE, **column(f"{USERS}.name", generated="stored")}
    assert severities(broken(generated), after=computed) == ["error"]
    assert severities(broken(generated), before=computed, after=computed) == ["warning"]
    assert severities(broken(generated, ORDERS), after=computed) == ["warning"]
    required = {**BASE, **column(f"{USERS}.id", "bigint", not_null=True)}
    identity = {**BASE, **column(f"{USERS}.id", "bigint", not_null=True, identity="always")}
    assert severities(broken(generated), before=required, after=identity) == []
    assert severities(broken(generated, ORDERS), before=required, after=identity) == ["warning"]
