"""What Postgres has no statement to undo."""

import pytest

from domain.migration.snapshot import SchemaSnapshot, compare
from domain.migration.verification.one_way import one_way
from tests.unit.domain.migration.traces import ORDERS, USERS, Objects, column, index


def stays(before: Objects, restored: Objects) -> list[str]:
    """What Postgres has no statement to undo, in sentences."""
    was, now = SchemaSnapshot(before), SchemaSnapshot(restored)
    return list(one_way(compare(was, now), was, now).sentences())


@pytest.mark.parametrize(
    ("expected", "actual", "staying"),
    [
        (("a", "b"), ("a", "b", "c"), True),
        (("a", "b"), ("a", "x", "b"), True),
        (("a", "b"), ("b", "a"), False),
        (("a", "b"), ("a",), False),
        (("a", "b"), ("a", "c"), False),
    ],
)
def test_values_that_came_to_an_enum_stay(expected: tuple[str, ...], actual: tuple[str, ...], staying: bool) -> None:
    """Where all values of before are there, in their order."""
    before: Objects = {("type", "mood"): {"kind": "enum", "values": expected}}
    restored: Objects = {("type", "mood"): {"kind": "enum", "values": actual}}
    assert bool(stays(before, restored)) is staying


def test_a_constraint_stays_validated() -> None:
    """Where that is all that differs, with NOT VALID in its definition."""
    key = ("constraint", f"{USERS}.c")
    before: Objects = {key: {"validated": False, "definition": "CHECK (x) NOT VALID"}}
    assert len(stays(before, {key: {"validated": True, "definition": "CHECK (x)"}})) == 2
    assert stays(before, {key: {"validated": True, "definition": "CHECK (y)"}}) == []
    assert stays(before, {key: {"validated": False, "definition": "CHECK (y) NOT VALID"}}) == []
    valid: Objects = {key: {"validated": True, "definition": "CHECK (x)"}}
    assert stays(valid, {key: {"validated": False, "definition": "CHECK (x) NOT VALID"}}) == []
    assert stays(valid, {key: {"validated": True, "definition": "CHECK (y)"}}) == []


def test_an_extension_stays_as_it_was_updated() -> None:
    """Its version, not its schema."""
    key = ("extension", "vector")
    before: Objects = {key: {"version": "0.8.0", "schema": "public"}}
    assert len(stays(before, {key: {"version": "0.8.4", "schema": "public"}})) == 1
    assert stays(before, {key: {"version": "0.8.0", "schema": "shop"}}) == []


@pytest.mark.parametrize(
    ("kind", "not_null", "table_name", "staying"),
    [
        ("not null", True, USERS, True),
        ("not null", False, USERS, False),
        ("not null", True, ORDERS, False),
        ("check", True, USERS, False),
    ],
)
def test_a_not_null_that_was_validated_is_no_constraint_any_more(
    kind: str, not_null: bool, table_name: str, staying: bool
) -> None:
    """From Postgres 18 on, it is told by the column, which is NOT NULL now."""
    own: Objects = {("constraint", f"{USERS}.n"): {"type": kind, "definition": "NOT NULL email NOT VALID"}}
    here = column(f"{table_name}.email", not_null=not_null)
    assert bool(stays({**here, **own}, here)) is staying
    assert stays({**here, **index("ix", USERS)}, here) == []


@pytest.mark.parametrize(("parents", "staying"), [((ORDERS,), True), ((), False)])
def test_what_was_inherited_stays_the_tables_own(parents: tuple[str, ...], *, staying: bool) -> None:
    """NO INHERIT and INHERIT leave it so; without the second, the downgrade has forgotten something."""
    key = ("column", f"{USERS}.id")
    before: Objects = {("table", USERS): {"parents": (ORDERS,)}, key: {"local": False}}
    restored: Objects = {("table", USERS): {"parents": parents}, key: {"local": True}}
    assert bool(stays(before, restored)) is staying
    assert stays(restored, before) == []
