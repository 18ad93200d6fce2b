"""Row security that lets roles find other rows than before."""

import pytest

from domain.migration.analysis.rules.row_security_changed import check
from domain.migration.snapshot import Value
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.traces import BASE, USERS, Objects, revision, step, table

ACL = ("shop=arwd/shop", "app=r/shop", "=r/shop")


def users(*, forced: bool = False, secured: bool = True) -> Objects:
    """The table users, which several roles may read."""
    return table(USERS, row_security=secured, force_row_security=forced, owner="shop", acl=ACL)


def policy(name: str = "own", **more: Value) -> Objects:
    """A policy of users."""
    usual: dict[str, Value] = {
        "command": "all",
        "permissive": True,
        "roles": ("public",),
        "using": "(id = 1)",
        "check": None,
        "comment": None,
    }
    return {("policy", f"{USERS}.{name}"): {**usual, **more}}


def messages(before: Objects, after: Objects) -> list[str]:
    """What the rule says of a revision."""
    later = {**BASE, **after}
    if ("view", USERS) in after:
        del later["table", USERS]
    trace = revision(step("ALTER TABLE users"), before={**BASE, **before}, after=later)
    return [diagnostic.message for diagnostic in check(trace, Statistics.unknown())]


def test_row_security_switched_off() -> None:
    """Those with privileges find all rows; with FORCE, the owner was restricted as well."""
    (message,) = messages(users(), users(secured=False))
    assert message.startswith("Row security of public.users is switched off: PUBLIC, app find and change all rows")
    (message,) = messages(users(forced=True), users(secured=False))
    assert "PUBLIC, app, shop find" in message
    (message,) = messages(users(forced=True), users())
    assert "does not hold for its owner any more" in message


def shim(*options: str, acl: tuple[str, ...] = ACL) -> Objects:
    """A view with the name of the table users."""
    return {("view", USERS): {"kind": "view", "options": options, "owner": "shop", "acl": acl}}


def test_a_view_with_the_name_of_the_table() -> None:
    """A view reads with the rights of its owner, whom row security does not restrict without FORCE."""
    (message,) = messages(users(), shim())
    assert "PUBLIC, app find and change all rows" in message
    assert messages(users(), shim("security_invoker=true")) == []
    assert messages(users(), shim(acl=ACL[:1])) == []
    assert messages(users(forced=True), shim()) == []
    assert messages(users(secured=False), shim()) == []


def test_what_changes_nothing() -> None:
    """Without row security policies do nothing; where it begins, another rule reports it; a comment is no change."""
    assert messages(users(secured=False), {**users(secured=False), **policy()}) == []
    assert messages({**users(secured=False), **policy()}, {**users(forced=True), **policy()}) == []
    assert messages({**users(), **policy()}, {**users(forced=True), **policy(comment="why")}) == []
    assert messages({**users(), **policy()}, {**users(), **policy("other")}) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"using": "true"}, "checks true in place of (id = 1)"),
        ({"using": None}, "checks nothing in place of (id = 1)"),
        ({"check": "(id = 2)"}, "lets write (id = 2) in place of nothing"),
        ({"roles": ("app",)}, "is for app in place of public"),
        ({"command": "select"}, "is for SELECT in place of ALL"),
        ({"permissive": False}, "restricts rows now"),
    ],
)
def test_a_policy_changes(change: dict[str, Value], message: str) -> None:
    """By ALTER POLICY, or when it is dropped and created again."""
    (said,) = messages({**users(), **policy()}, {**users(), **policy("own", **change)})
    assert said == f"The policy own of public.users {message}: roles find or write other rows than before."


def test_a_policy_goes() -> None:
    """A permissive one takes rows with it, a restrictive one shows them."""
    (message,) = messages({**users(), **policy()}, users())
    assert "own of public.users is gone: rows that only it allows are neither found nor written" in message
    (message,) = messages({**users(), **policy(permissive=False)}, users())
    assert "rows that it kept from roles are found and written" in message


def test_a_policy_that_makes_others_useless() -> None:
    """One for everybody and every row; not one for a role, with a condition, or for another command."""
    before = {**users(), **policy()}
    (message,) = messages(before, {**before, **policy("all", using="true")})
    assert message.endswith("lets everybody find every row, so that own no longer restricts anybody.")
    for harmless in ({"roles": ("app",)}, {"using": "(id = 2)"}, {"permissive": False}, {"command": "insert"}):
        more: dict[str, Value] = {"using": "true", **harmless}
        assert messages(before, {**before, **policy("all", **more)}) == []
