"""The rule `row-security-without-policy`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, Objects, codes, revision, step, table


def test_row_security_without_policy() -> None:
    """Of four commands those are named that no policy allows; a new table, or one that had it, is nobody's trouble."""
    on = step("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    secured = table(USERS, row_security=True)
    reading, everything = (
        {("policy", f"{USERS}.own"): {"command": command, "permissive": True}} for command in ("select", "all")
    )
    found = diagnostic(revision(on, after={**BASE, **secured, **reading}), "row-security-without-policy")
    assert "no policy allows INSERT, UPDATE, DELETE: roles other than its owner find no row" in found.message
    assert codes(revision(on, after={**BASE, **secured, **everything})) == {}
    checked = {key: {**policy, "using": "(id = 1)", "roles": ("public",)} for key, policy in everything.items()}
    hidden = diagnostic(revision(on, after={**BASE, **secured, **checked}), "row-security-without-policy")
    assert "find only rows with (id = 1)" in hidden.message
    restrictive: Objects = {("policy", f"{USERS}.tenant"): {"command": "all", "permissive": False, "using": "(id = 2)"}}
    open_to_all = {key: {**policy, "using": "true", "roles": ("public",)} for key, policy in everything.items()}
    narrowed = diagnostic(
        revision(on, after={**BASE, **secured, **open_to_all, **restrictive}), "row-security-without-policy"
    )
    assert "find only rows with (id = 2)" in narrowed.message
    assert codes(revision(on, after={**BASE, **secured, **open_to_all})) == {}
    assert codes(revision(on, before={**BASE, **secured}, after={**BASE, **secured})) == {}
