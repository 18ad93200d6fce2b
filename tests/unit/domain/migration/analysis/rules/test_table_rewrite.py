"""The rule `table-rewrite`: where it speaks, and where it does not."""

from typing import Any

import pytest

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    column,
    constraint,
    renamed,
    revision,
    step,
    table,
)


@pytest.mark.parametrize(
    ("name", "attributes", "reason"),
    [
        ("token", {"kind": "uuid", "default": "gen_random_uuid()"}, "evaluates for each row"),
        ("number", {"kind": "bigint", "identity": "always"}, "is an identity"),
        ("shout", {"kind": "text", "generated": "stored"}, "is generated and stored"),
        ("label", {"kind": "public.label"}, "is of type public.label"),
        ("email", {"kind": "varchar(50)"}, "email goes from text to varchar(50)"),
    ],
)
def test_table_rewrite(name: str, attributes: dict[str, Any], reason: str) -> None:
    """A rewrite is measured; its reason is told from the columns before and after."""
    after = {**BASE, **column(f"{USERS}.{name}", **attributes)}
    trace = revision(step("ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,)), after=after)
    assert reason in diagnostic(trace, "table-rewrite").message
    assert "table-rewrite" not in codes(revision(step("ALTER TABLE users …", 1, EXCLUSIVE), after=after))


def test_another_expression_of_a_generated_column_is_a_reason() -> None:
    """And one that stays is none."""
    before, after = (
        {**BASE, **column(f"{USERS}.name", generated="stored", expression=text)} for text in ("lower(email)", "email")
    )
    rewrite = step("ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,))
    said = diagnostic(revision(rewrite, before=before, after=after), "table-rewrite")
    assert said.message.endswith("The reason: the expression of name changes.")
    assert "The reason" not in diagnostic(revision(rewrite, before=before, after=before), "table-rewrite").message


def test_the_code_for_a_rewrite() -> None:
    """A column of another type gets one beside it, a new one is added empty; one that is computed has no such way."""
    rewrite = step("ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,))

    def fix(*columns: Objects) -> str | None:
        after = dict(BASE)
        for new in columns:
            after |= new
        return diagnostic(revision(rewrite, after=after), "table-rewrite").fix

    assert fix() is None
    assert fix(column(f"{ORDERS}.id", "bigint")) is None
    assert fix(column(f"{USERS}.n", "bigint", identity="always")) is None
    assert fix(column(f"{USERS}.n", generated="stored")) is None
    assert "ADD COLUMN name_new varchar(50)" in str(fix(column(f"{USERS}.name", "varchar(50)")))
    assert "ADD COLUMN token uuid" in str(fix(column(f"{USERS}.token", "uuid", default="gen_random_uuid()")))


def test_the_code_is_for_the_columns_of_the_statement() -> None:
    """What another statement adds to the table has code of its own, or needs none."""
    token, label = column(f"{USERS}.token", "uuid", default="gen_random_uuid()"), column(f"{USERS}.label")
    rewrite = step(
        "ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,), created=changed("table column", f"{USERS}.token")
    )
    fix = diagnostic(revision(rewrite, after={**BASE, **token, **label}), "table-rewrite").fix
    assert "ADD COLUMN token" in str(fix)
    assert "label" not in str(fix)


def test_the_code_for_a_partition_is_about_the_whole() -> None:
    """No column can be added to a partition alone."""
    parts = {**BASE, **table("public.events", "name", kind="partitioned table")}
    parts |= table(USERS, "name", parents=("public.events",), partition_bound="DEFAULT")
    after = {**parts, **column("public.events.name", "int"), **column(f"{USERS}.name", "int", local=False)}
    rewrite = step("ALTER TABLE events ALTER name TYPE int", 1, EXCLUSIVE, rewritten=(USERS,))
    fix = diagnostic(revision(rewrite, before=parts, after=after), "table-rewrite").fix
    assert str(fix).startswith('op.execute("ALTER TABLE public.events ADD COLUMN name_new int")')


def test_no_code_for_a_domain_with_constraints() -> None:
    """Postgres writes the table anew for such a column even when it is added empty."""
    email: Objects = {("type", "public.email"): {"kind": "domain", "base_type": "text", "not_null": False}}
    rewrite = step("ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,))
    after = {**BASE, **email, **column(f"{USERS}.mail", "public.email")}
    assert diagnostic(revision(rewrite, after=after), "table-rewrite").fix is not None
    after |= constraint("public.email.ck", "check", "CHECK ((VALUE <> ''::text))")
    assert diagnostic(revision(rewrite, after=after), "table-rewrite").fix is None


def test_the_reason_is_the_column_that_the_statement_alters() -> None:
    """A column of which another statement changes the type is none."""
    alter = step(
        "ALTER TABLE users ALTER name TYPE varchar(50)",
        1,
        EXCLUSIVE,
        rewritten=(USERS,),
        altered=changed("table column", f"{USERS}.name"),
    )
    after = {**BASE, **column(f"{USERS}.name", "varchar(50)"), **column(f"{USERS}.email", "varchar(9)")}
    found = diagnostic(
        revision(alter, step("ALTER TABLE users ALTER email TYPE varchar(9)", 1), after=after), "table-rewrite"
    )
    assert found.message.endswith("The reason: name goes from text to varchar(50).")
    assert "ADD COLUMN name_new varchar(50)" in str(found.fix)
    assert "email_new" not in str(found.fix)


def test_the_reason_is_what_the_statement_does() -> None:
    """What others do to the columns of the table is none, not even to the column whose name the new one takes."""
    add = step(
        "ALTER TABLE users ADD COLUMN key uuid DEFAULT gen_random_uuid()",
        1,
        EXCLUSIVE,
        rewritten=(USERS,),
        created=changed("table column", f"{USERS}.key"),
    )
    drop = step("ALTER TABLE users DROP COLUMN id", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.id"))
    rename = step("RENAME", 1, EXCLUSIVE, renamed=renamed("table column", f"{USERS}.key", f"{USERS}.id"))
    label = step("ALTER TABLE users ADD COLUMN label text", 1, EXCLUSIVE)
    after = {
        **BASE,
        **column(f"{USERS}.id", "uuid", default="gen_random_uuid()", not_null=True),
        **column(f"{USERS}.label"),
    }
    said = diagnostic(revision(add, drop, rename, label, after=after), "table-rewrite")
    assert said.message.partition("The reason: ")[2] == (
        "the new column key has the default gen_random_uuid(), which Postgres evaluates for each row."
    )
    assert "copied from" not in str(said.fix)  # the values of the old column are no values of the new one
