"""Privileges that a role has no longer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.migration.analysis.rules.privileges_lost import check
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import Value
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from tests.unit.domain.migration.traces import BASE, USERS, Objects, changed, column, renamed, revision, step, table

VIEW = "public.names"
OWN = "shop=arwd/shop"
DROP = step("DROP VIEW names", dropped=changed("view", VIEW))
CONTRACT = "x\n\nPhase: contract"


def granted(kind: str, name: str, *acl: str, **more: Value) -> Objects:
    """An object with an access control list."""
    entry: Mapping[str, Value] = {"owner": "shop", "acl": (OWN, *acl), **more}
    return {(kind, name): entry}


def lost(before: Objects, after: Objects, *steps: Any, **more: Any) -> list[Diagnostic]:
    """What the rule says of a revision."""
    trace = revision(*(steps or (step("REVOKE"),)), before={**BASE, **before}, after={**BASE, **after}, **more)
    return list(check(trace, Statistics.unknown()))


def said(*arguments: Any, **more: Any) -> list[tuple[Severity, bool]]:
    """The severities, each with whether code is proposed."""
    return [(diagnostic.severity, diagnostic.fix is not None) for diagnostic in lost(*arguments, **more)]


def test_a_view_made_anew_lacks_its_grants() -> None:
    """Code is refused at once, so that is an error, and a warning in the contract phase; the grants are proposed."""
    before, after = granted("view", VIEW, "app=r/shop"), granted("view", VIEW)
    (diagnostic,) = lost(before, after, DROP)
    assert diagnostic.severity is Severity.ERROR
    assert "app loses SELECT on the view public.names: the upgrade creates it again" in diagnostic.message
    assert diagnostic.fix == 'op.execute("GRANT SELECT ON TABLE public.names TO app")\n'
    assert diagnostic.relation == VIEW
    assert said(before, after, DROP, docstring=CONTRACT) == [(Severity.WARNING, True)]


def test_a_view_in_the_place_of_a_table_lacks_its_grants() -> None:
    """As where a table is renamed, and a view has its name: that has no grants but those that the upgrade gives."""
    table_before = granted("table", VIEW, "app=r/shop")
    (diagnostic,) = lost(table_before, granted("view", VIEW), step("CREATE VIEW names"))
    assert "app loses SELECT on the view public.names" in diagnostic.message
    assert diagnostic.fix == 'op.execute("GRANT SELECT ON TABLE public.names TO app")\n'
    assert lost(table_before, granted("view", VIEW, "app=r/shop"), step("CREATE VIEW names")) == []


def test_a_revoke_belongs_into_the_contract_phase() -> None:
    """Elsewhere it is a warning, for which there is no code."""
    before, after = granted("view", VIEW, "app=rw/shop"), granted("view", VIEW, "app=r/shop")
    (diagnostic,) = lost(before, after)
    assert "app loses UPDATE" in diagnostic.message
    assert (diagnostic.severity, diagnostic.fix) == (Severity.WARNING, None)
    assert "Phase: contract" in str(diagnostic.help)
    assert lost(before, after, docstring=CONTRACT) == []


def test_what_others_have_is_not_lost() -> None:
    """PUBLIC has the privilege, the owner needs none, and equal lists or more privileges lose nothing."""
    assert lost(granted("view", VIEW, "app=r/shop"), granted("view", VIEW, "=r/shop"), DROP) == []
    assert lost(granted("view", VIEW, "app=r/shop"), granted("view", VIEW, "app=rw/shop"), DROP) == []
    assert lost(granted("view", VIEW), granted("view", VIEW, owner="new", acl=("new=r/new",)), DROP) == []
    same = granted("view", VIEW, "app=r/shop")
    assert lost(same, same, DROP) == []
    assert lost(granted("default privileges", "of x on tables", "app=r/shop"), {}, DROP) == []
    assert lost(granted("default privileges", "of x", "a=r/x"), granted("default privileges", "of x"), DROP) == []


@pytest.mark.parametrize(("of_table", "found"), [((), 1), (("app=r/shop",), 0), (("=r/shop",), 0)])
def test_a_column_is_covered_by_its_table(of_table: tuple[str, ...], found: int) -> None:
    """A role that may read the table may read the column."""
    users = table(USERS, owner="shop", acl=(OWN, *of_table))
    before = {**users, **column(f"{USERS}.email", acl=("app=r/shop", "shop=r/shop"))}
    after = {**users, **column(f"{USERS}.email", acl=())}
    assert len(lost(before, after)) == found


def test_an_object_that_took_the_name() -> None:
    """A table or view that was created or renamed to the name is another one; a replaced view keeps its grants."""
    before, after = granted("table", USERS, "app=r/shop"), granted("table", USERS)
    created = step("CREATE TABLE users ()", created=changed("table", USERS))
    assert said(before, after, created) == [(Severity.ERROR, True)]
    old = granted("table", "public.copy")
    to_users, to_others = (
        step("RENAME", renamed=renamed("table", "public.copy", new)) for new in (USERS, "public.others")
    )
    assert said({**before, **old}, after, to_users) == [(Severity.ERROR, True)]
    assert said({**before, **old}, after, to_others) == [(Severity.WARNING, False)]
    elsewhere = granted("table", "shop.copy")
    in_shop = step("RENAME", renamed=renamed("table", "shop.copy", "shop.users"))
    assert said({**before, **elsewhere}, after, in_shop) == [(Severity.WARNING, False)]
    views = granted("view", VIEW, "app=r/shop"), granted("view", VIEW)
    made_anew = step("CREATE VIEW names", created=changed("view", VIEW))
    assert said(*views, made_anew) == [(Severity.ERROR, True)]
    replaced = step("CREATE OR REPLACE VIEW names", altered=changed("view", VIEW))
    assert said(*views, replaced) == [(Severity.WARNING, False)]


def test_functions_are_found_by_name_and_columns_by_their_table() -> None:
    """Postgres reports the types of arguments in another way, and a dropped table with its columns by one name."""
    before, after = (granted("function", "public.f(integer)", *acl) for acl in (("app=X/shop",), ()))
    dropped = step("DROP FUNCTION f", dropped=changed("function", "public.f(pg_catalog.int4)"))
    (diagnostic,) = lost(before, after, dropped)
    assert (diagnostic.severity, diagnostic.relation) == (Severity.ERROR, None)
    columns = (column(f"{USERS}.email", acl=acl) for acl in (("app=r/shop",), ()))
    assert said(*columns, step("DROP TABLE users", dropped=changed("table", USERS))) == [(Severity.ERROR, True)]


def test_the_database_itself() -> None:
    """A REVOKE of what PUBLIC has, or of another role's privilege; the owner keeps its own, whatever the list is."""
    connects, connects_not = granted("database", "itself", "=Tc/shop"), granted("database", "itself", "=T/shop")
    (diagnostic,) = lost(connects, connects_not)
    assert "PUBLIC loses CONNECT on the database itself" in diagnostic.message
    assert diagnostic.severity is Severity.WARNING
    assert lost(connects_not, connects) == []
    assert lost(connects, connects_not, docstring=CONTRACT) == []
    (diagnostic,) = lost(granted("database", "itself", "=Tc/shop", "app=C/shop"), connects)
    assert diagnostic.message.startswith("app loses CREATE on the database itself: the upgrade revokes them.")


def test_what_is_built_in() -> None:
    """A catalog has the privileges on a built-in object while they are not the initial ones."""
    key = ("privileges", "on function pg_catalog.pg_sleep(double precision)")
    entry: Mapping[str, Value] = {
        "type": "function",
        "identity": "pg_catalog.pg_sleep(double precision)",
        "acl": (OWN,),
        "initial_acl": (OWN, "=X/shop"),
    }
    revoke = step("REVOKE EXECUTE ON FUNCTION pg_sleep FROM PUBLIC")
    (diagnostic,) = lost({}, {key: entry}, revoke)
    assert "PUBLIC loses EXECUTE on the function pg_catalog.pg_sleep(double precision)" in diagnostic.message
    assert diagnostic.statement == 0
    assert lost({key: entry}, {}) == []
    given: Objects = {key: {**entry, "acl": entry["initial_acl"], "initial_acl": (OWN,)}}
    assert len(lost(given, {})) == 1
    assert lost({**given, ("extension", "e"): {}}, {}) == []


@pytest.mark.parametrize("missing", ["before", "after"])
def test_an_unknown_schema_says_nothing(missing: str) -> None:
    """A revision that failed has no schema to compare."""
    trace: RevisionTrace = revision(DROP, before={**BASE, **granted("view", VIEW, "app=r/shop")}, after=BASE)
    assert list(check(replace(trace, **{missing: None}), Statistics.unknown())) == []  # type: ignore[arg-type]
