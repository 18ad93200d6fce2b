"""The rule `table-rewrite`: where it speaks, and where it does not."""

from typing import Any

import pytest

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


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
