"""The rule `blocking-refresh`: where it speaks, and where it does not."""

from dataclasses import replace

import pytest

from domain.migration.locks import LockMode
from domain.migration.snapshot import Value
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, Objects, codes, index, revision, step


def test_blocking_refresh() -> None:
    """Nobody reads the view while its tables are; CONCURRENTLY takes EXCLUSIVE, under which reads go on."""
    view: Objects = {("view", "public.totals"): {"kind": "materialized view", "populated": True}}
    key: Objects = {
        ("index", "public.key"): {
            "table": "public.totals",
            "unique": True,
            "definition": "CREATE UNIQUE INDEX key ON public.totals USING btree (name)",
        }
    }
    both = {**BASE, **view, **key}
    refresh = step("REFRESH MATERIALIZED VIEW totals", locks={"public.totals": EXCLUSIVE}, scanned={USERS: 2000})
    trace = revision(refresh, before=both)
    assert codes(trace) == {"blocking-refresh": "error"}
    assert diagnostic(trace, "blocking-refresh").fix == 'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")\n'
    assert diagnostic(revision(refresh, before={**BASE, **view}), "blocking-refresh").fix is None
    lighter = replace(refresh, locks={"public.totals": LockMode.EXCLUSIVE})
    assert codes(revision(lighter, before=both)) == {}


@pytest.mark.parametrize(
    ("attributes", "concurrent"),
    [
        ({}, True),
        ({"unique": False}, False),
        ({"predicate": "(name IS NULL)"}, False),
        ({"table": "public.other"}, False),
        ({"definition": "CREATE UNIQUE INDEX key ON public.totals USING btree (lower(name))"}, False),
    ],
)
def test_the_key_that_a_concurrent_refresh_wants(attributes: dict[str, Value], concurrent: bool) -> None:
    """Unique, of that view, over all rows, and on columns."""
    key: Objects = {
        ("index", "public.key"): {
            "table": "public.totals",
            "unique": True,
            "definition": "CREATE UNIQUE INDEX key ON public.totals USING btree (name)",
            **attributes,
        }
    }
    view: Objects = {("view", "public.totals"): {"kind": "materialized view", "populated": True}}
    refresh = step("REFRESH MATERIALIZED VIEW totals", locks={"public.totals": EXCLUSIVE}, scanned={USERS: 2000})
    fix = diagnostic(revision(refresh, before={**BASE, **view, **key}), "blocking-refresh").fix
    assert (fix is not None) is concurrent


@pytest.mark.parametrize(
    ("name", "concurrent"), [("public.totals", True), ('"public".Totals', True), ("shop.totals", False)]
)
def test_the_key_of_a_view_of_the_same_name(name: str, *, concurrent: bool) -> None:
    """Another schema may have one without a key."""
    key = index("key", "public.totals", "btree (name)", unique=True)
    views: Objects = {
        ("view", f"{schema}.totals"): {"kind": "materialized view", "populated": True} for schema in ("public", "shop")
    }
    refresh = step(f"REFRESH MATERIALIZED VIEW {name}", locks={"public.totals": EXCLUSIVE}, scanned={USERS: 2000})
    fix = diagnostic(revision(refresh, before={**BASE, **views, **key}), "blocking-refresh").fix
    assert (fix is not None) is concurrent
