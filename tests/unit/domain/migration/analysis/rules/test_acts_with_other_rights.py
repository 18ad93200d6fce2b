"""Functions and views that act with the rights of another role."""

from collections.abc import Mapping

import pytest

from domain.migration.analysis.rules.acts_with_other_rights import check
from domain.migration.snapshot import Value
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.traces import BASE, Objects, revision, step

PATH = ("search_path=public, pg_temp",)
DEFINER: Mapping[str, Value] = {
    "kind": "function",
    "owner": "shop",
    "security_definer": True,
    "settings": PATH,
    "acl": ("shop=X/shop", "app=X/shop"),
}
VIEW: Mapping[str, Value] = {"kind": "view", "owner": "shop", "options": ()}


def messages(kind: str, before: Mapping[str, Value], after: Mapping[str, Value], **more: str) -> list[str]:
    """What the rule says of a revision that changes one object."""
    old, new = ({**BASE, (kind, "public.f"): entry} for entry in (before, after))
    trace = revision(step("ALTER"), before=old, after=new, **more)
    return [diagnostic.message for diagnostic in check(trace, Statistics.unknown())]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"security_definer": False}, "acts with the rights of its caller, no longer with those of shop"),
        ({"owner": "admin"}, "acts with the rights of admin in place of those of shop"),
        ({"settings": ("work_mem=8MB",)}, "acts with the rights of shop without a search_path of its own"),
        ({"leakproof": True}, "is LEAKPROOF from now on"),
    ],
)
def test_a_function_that_has_had_the_rights_of_its_owner(change: dict[str, Value], message: str) -> None:
    """It loses them, has those of another role, or guards them less."""
    (said,) = messages("function", DEFINER, {**DEFINER, **change})
    assert said.startswith(f"The function public.f {message}")


def test_a_function_that_gets_the_rights_of_its_owner() -> None:
    """Whoever may execute it has them, too; without a search_path it can be deceived."""
    invoker = {**DEFINER, "security_definer": False}
    (said,) = messages("function", invoker, DEFINER)
    assert said == ("The function public.f acts with the rights of shop from now on: app can do all it does.")
    (said,) = messages("function", invoker, {**DEFINER, "settings": (), "acl": ("=X/shop", "shop=X/shop")})
    assert said.endswith(
        "everybody can do all it does, and without a search_path it finds what a caller puts in the way."
    )
    (said,) = messages("function", invoker, {**DEFINER, "acl": ("shop=X/shop",)})
    assert "who may execute it can do all" in said


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ((), ("security_invoker=true",), "uses the rights and the row security of whoever reads it, not those of shop"),
        (("security_invoker=on",), ("security_invoker=0",), "uses the rights and the row security of shop from now on"),
        (("security_barrier=1",), (), "is no security barrier any more"),
    ],
)
def test_options_of_a_view(before: tuple[str, ...], after: tuple[str, ...], message: str) -> None:
    """Postgres keeps the value as it was written."""
    (said,) = messages("view", {**VIEW, "options": before}, {**VIEW, "options": after})
    assert said.startswith(f"The view public.f {message}")


def test_the_owner_of_a_view() -> None:
    """It matters unless the view uses the rights of whoever reads it."""
    (said,) = messages("view", VIEW, {**VIEW, "owner": "admin"})
    assert "uses the rights of admin in place of those of shop" in said
    invoker = {**VIEW, "options": ("security_invoker=true",)}
    assert messages("view", invoker, {**invoker, "owner": "admin"}) == []


def test_what_is_no_trouble() -> None:
    """What stays, what is new, and callers without rights when no deployed code calls the function any more."""
    assert messages("function", DEFINER, DEFINER) == []
    assert messages("function", {**DEFINER, "leakproof": True}, DEFINER) == []
    invoker = {**DEFINER, "security_definer": False}
    assert messages("function", DEFINER, invoker, docstring="x\n\nPhase: contract") == []
    assert len(messages("function", invoker, DEFINER, docstring="x\n\nPhase: contract")) == 1
    new: Objects = {**BASE, ("function", "public.f"): DEFINER}
    assert list(check(revision(step("CREATE"), before=BASE, after=new), Statistics.unknown())) == []
