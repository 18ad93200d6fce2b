"""Names that forms make are free and within the 63 bytes of Postgres."""

from functools import partial

import pytest

from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.made_names import free_index_name, free_name, plain_name, suffixed, with_suffix
from domain.migration.forms.not_null import NotNull
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
    assert "ADD CONSTRAINT ck_users_x_not_null_2 " in NotNull.of(before, after, f"{USERS}.x").at_once.fix
    assert "ADD CONSTRAINT ck_users_x_not_null " in NotNull.of(after, after, f"{USERS}.x").at_once.fix
