"""What checks say in common."""

from dataclasses import replace

from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.repair.derivation import Repair
from domain.migration.snapshot import AttributeChange, SchemaDifference
from domain.migration.verification.round_trip import RoundTrip
from domain.migration.verification.wording import (
    accepting,
    cause,
    losses_of,
    proposal,
    schema_differences,
    went_through,
    whole_downgrade,
)
from tests.unit.domain.migration.traces import USERS

GONE = DataChange(f"{USERS}.name", DataChangeKind.VALUES_GONE, 3)
MORE = DataChange("public.new", DataChangeKind.TABLE_NEW, 3)
LINE = f'lossy_downgrade = {{"{USERS}.name": "why this is accepted"}}'


def test_what_lets_a_lossy_revision_pass() -> None:
    """The declaration alone, or behind the code that was forgotten; nothing where there is nothing to accept."""
    trip = RoundTrip(statements=1, data=DataDifference((GONE,)))
    repair = Repair(("op.a()",))
    assert accepting(trip, [f"{USERS}.name"]) == LINE
    assert accepting(trip, []) == ""
    repaired = accepting(replace(trip, repair=repair), [f"{USERS}.name"])
    assert repaired == f"{repair.downgrade(whole=False)}\n\n{LINE}"
    for other in (Repair(), None):
        assert accepting(replace(trip, repair=other), [f"{USERS}.name"]) == LINE
    assert accepting(replace(trip, repair=repair, statements=0), [f"{USERS}.name"]) == LINE
    refused = Repair(("op.a()",), refusal="the values are gone")
    assert accepting(replace(trip, repair=refused), [f"{USERS}.name"]) == refused.downgrade(whole=False)


def test_what_the_forgotten_code_gives_back_need_not_be_accepted() -> None:
    """A table that the upgrade made goes with that code, and all that is in it; what differs is mended by it."""
    new = SchemaDifference(unexpected=(("table", "public.new"),))
    inside = DataChange("public.new.name", DataChangeKind.VALUES_GONE, 3)
    data = DataDifference((GONE, MORE, inside))
    trip = RoundTrip(statements=1, schema=new, data=data, repair=Repair(("op.a()",)))
    names = [f"{USERS}.name", "public.new", "public.new.name", "public.ix"]
    assert accepting(trip, names).endswith(LINE)
    assert accepting(trip, ["public.new"]) == Repair(("op.a()",)).downgrade(whole=False)


def test_one_declaration_holds_all_that_is_lost() -> None:
    """What is lost, what was not seen, what stays, and what the revision declares already stand in one dictionary."""
    stays = SchemaDifference(changed=(AttributeChange(("type", "public.mood"), "values", ("a",), ("a", "b")),))
    trip = RoundTrip(
        statements=1, data=DataDifference((GONE,)), schema=stays, one_way=stays, unseen={"public.rare": "not seen"}
    )
    declared = {"public.old": "nobody reads it"}
    assert proposal(trip, declared) == (
        'lossy_downgrade = {"public.old": "nobody reads it", '
        f'"{USERS}.name": "why this is accepted", "public.mood": "Postgres cannot undo it", '
        '"public.rare": "why this is accepted"}'
    )
    seen = replace(trip, data=DataDifference(), schema=SchemaDifference(), one_way=SchemaDifference())
    assert proposal(seen, {}) == 'lossy_downgrade = {"public.rare": "why this is accepted"}'


def test_where_a_difference_came_from() -> None:
    """In parentheses, where it is known."""
    trip = RoundTrip(schema=SchemaDifference(missing=(("index", "public.ix"), ("index", "public.iy"))))
    known = replace(trip, causes={"public.ix": "line 3: DROP INDEX ix"})
    assert schema_differences(known) == "index public.ix is missing (line 3: DROP INDEX ix); index public.iy is missing"
    assert cause(trip, "public.ix") == ""


def test_losses_of_a_downgrade_that_does_nothing_are_those_of_rows() -> None:
    """The rest is said once, of the downgrade as a whole."""
    trip = RoundTrip(
        statements=1,
        schema=SchemaDifference(missing=(("index", "public.ix"),)),
        data=DataDifference((GONE,)),
    )
    assert [*losses_of(trip)] == [f"{USERS}.name", "public.ix"]
    assert [*losses_of(replace(trip, statements=0))] == [f"{USERS}.name"]


def test_a_round_trip_that_went_through() -> None:
    """It neither refused nor failed."""
    trip = RoundTrip(statements=1)
    assert went_through(trip) is trip
    for other in (None, replace(trip, failure="no"), replace(trip, refusal="no")):
        assert went_through(other) is None
    assert whole_downgrade(None) is None
    assert whole_downgrade(Repair(("op.a()",))) == Repair(("op.a()",)).downgrade(whole=True)
