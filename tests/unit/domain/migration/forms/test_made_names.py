"""Names that forms make are free and within the 63 bytes of Postgres."""

from functools import partial

import pytest

from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.column import Column
from domain.migration.forms.made_names import free_index_name, free_name, plain_name, suffixed, with_suffix
from domain.migration.forms.not_null import NotNull
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.forms.second_column import SecondColumn
from domain.migration.names import bare
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import USERS, column, constraint, table


@pytest.mark.parametrize("name", ["x", '"X y"', "é" * 31, '"' + "Ä" * 31 + '"', "a" * 63])
def test_a_made_name_is_free_and_short(name: str) -> None:
    """A number follows where others have the usual name, and the beginning is cut for it."""
    for make in (suffixed, with_suffix):
        taken: set[str] = set()
        for _ in range(12):
            made = free_name(partial(make, name), "_new", taken)
            assert len(bare(made).encode()) <= 63
            taken.add(bare(made))
        assert len(taken) == 12


def test_names_that_need_no_quotes_get_none() -> None:
    """Those of a quoted column keep them."""
    assert (suffixed("x", "_new"), suffixed('"X"', "_new")) == ("x_new", '"X_new"')
    assert free_name(partial(suffixed, "x"), "_new", {"x_new"}) == "x_new_2"
    assert free_name(lambda end: plain_name("ck", USERS, "x", suffix=end), "_not_null", {"ck_users_x_not_null"}) == (
        "ck_users_x_not_null_2"
    )
    assert free_index_name("public.t", ["a"], {"ix_t_a", "ix_t_a_2"}) == "public.ix_t_a_3"


def test_forms_ask_both_schemas() -> None:
    """A column or constraint that the revision itself adds or drops has its name as well."""
    before = SchemaSnapshot({**table(USERS, "x", "x_new"), **constraint(f"{USERS}.ck_users_x_not_null", "check", "")})
    after = SchemaSnapshot({**table(USERS, "x"), **column(f"{USERS}.x_new_2")})
    assert "ADD COLUMN x_new_3 " in ChangedType.of(before, after, f"{USERS}.x").announced.fix
    assert "x_new_3" in ChangedType.of(after, before, f"{USERS}.x", converted=False).announced.fix
    assert "ADD CONSTRAINT ck_users_x_not_null_2 " in NotNull.of(f"{USERS}.x", before, after).at_once.fix
    assert "ADD CONSTRAINT ck_users_x_not_null " in NotNull.of(f"{USERS}.x", after, after).at_once.fix


def test_long_names_stay_different() -> None:
    """Names that differ behind the 63rd byte, or in a character that is left out, do so in what is made of them."""
    long = "t" * 60
    pairs = [
        (free_index_name(f"public.{long}", [column], ()) for column in ("a", "b")),
        (suffixed(f"{long}{end}", "_new") for end in ("a", "b")),
        (plain_name("ck", f"public.{long}", column, suffix="_not_null") for column in ("a", "b")),
        (plain_name("ck", USERS, column, suffix="_not_null") for column in ('"a b"', '"a_b"')),
    ]
    for one, other in pairs:
        assert one != other
        assert {len(bare(name)) <= 63 for name in (one, other)} == {True}


def test_what_inherits_has_names_too() -> None:
    """A table's columns and constraints come to its children and partitions, on all levels."""
    names = ("child", USERS), ("grandchild", "public.child"), ("other", "public.unrelated")
    tables = {key: entry for name, parent in names for key, entry in table(f"public.{name}", parents=(parent,)).items()}
    taken = {
        **constraint("public.grandchild.ck_users_x_not_null", "check", ""),
        **constraint("public.other.ck_users_x_not_null_2", "check", ""),
        **column("public.child.x_new"),
        **column("public.other.x_new_2"),
    }
    schema = SchemaSnapshot({**table(USERS, "x"), **tables, **taken})
    assert "ADD CONSTRAINT ck_users_x_not_null_2 " in NotNull.of(f"{USERS}.x", schema).at_once.fix
    assert "ADD COLUMN x_new_2 " in ChangedType.of(schema, schema, f"{USERS}.x").announced.fix


def test_triggers_and_functions_of_others_stay() -> None:
    """A trigger that keeps columns alike replaces neither a trigger of the table nor a function of the schema."""
    trigger = {("trigger", f"{USERS}.users_x_y_alike"): {"definition": ""}}
    functions = {
        ("function", 'public."users_x_y_alike_2"(public.users,text)'): {"definition": ""},
        ("function", "shop.users_x_y_alike_3()"): {"definition": ""},
    }
    schema = SchemaSnapshot({**table(USERS, "x", "y"), **trigger, **functions})
    columns = Column(USERS, "x", "text"), Column(USERS, "y", "text")
    code = SecondColumn(*columns, catalogs=(schema,)).migrate.fix
    assert "FUNCTION public.users_x_y_alike_3()" in code
    assert "DROP TRIGGER IF EXISTS users_x_y_alike_3 " in code
    assert SecondColumn(*columns, catalogs=(schema,)).contract.upgrade[0] == (
        'op.execute("DROP TRIGGER IF EXISTS users_x_y_alike_3 ON public.users")'
    )


def test_an_index_with_the_name_of_a_leftover_stays() -> None:
    """Beside it, Postgres numbers the index that it builds, and so does the code that drops what was left."""
    others = {("index", f"public.{name}"): {"table": USERS} for name in ("ix_ccnew", "ix_ccnew1")}
    code = OwnTransactions.reindex("public.ix", SchemaSnapshot(others)).expand.code
    assert 'IF EXISTS public."ix_ccnew2"' in code
    assert 'IF EXISTS public."ix_ccold"' in code
    assert "ix_ccnew1" not in code
