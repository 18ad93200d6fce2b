"""The rule `enum-value-removed`: where it speaks, and where it does not."""

import pytest

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, Objects, codes, revision, step


def test_enum_value_removed() -> None:
    """Old code still writes a value that was renamed."""
    before: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid")}}
    after: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "premium")}}
    more: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid", "premium")}}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=after)) == {"enum-value-removed": "error"}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=more)) == {}


def plan(*values: str, name: str = "public.plan") -> Objects:
    """An enum beside the usual tables."""
    return {**BASE, ("type", name): {"kind": "enum", "values": values}}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BASE, "The enum public.plan is gone,"),
        (plan("free"), "The enum public.plan loses 'paid',"),
        (plan("free", "paid", name="shop.plan"), "The enum public.plan is now called shop.plan,"),
    ],
)
def test_what_became_of_the_enum(after: Objects, said: str) -> None:
    """It is gone, has moved, or lacks a value."""
    trace = revision(step("ALTER TYPE plan"), before=plan("free", "paid"), after=after)
    assert diagnostic(trace, "enum-value-removed").message.startswith(said)
