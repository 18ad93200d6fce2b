"""The rule `enum-value-removed`: where it speaks, and where it does not."""

from tests.unit.domain.migration.traces import BASE, Objects, codes, revision, step


def test_enum_value_removed() -> None:
    """Old code still writes a value that was renamed."""
    before: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid")}}
    after: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "premium")}}
    more: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid", "premium")}}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=after)) == {"enum-value-removed": "error"}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=more)) == {}
