"""Calls in the code of an upgrade that may work on the database."""

import pytest

from domain.migration.analysis.upgrade_code import work_in


@pytest.mark.parametrize(
    ("line", "conditions"),
    [
        ("op.a()", []),
        ("op.a() if flag else op.b()", ["flag", "flag"]),
        ("op.a() if op.get_bind().dialect.name == 'postgresql' else None", []),
        ("flag and op.a()", ["flag"]),
        ("flag or op.a()", ["flag"]),
        ("while flag: op.a()", ["flag"]),
    ],
)
def test_the_condition_of_a_call(line: str, conditions: list[str]) -> None:
    """A call that depends on nothing works in the sandbox, too, and one by the dialect is the same on every server."""
    source = f"from alembic import op\n\n\ndef upgrade():\n    {line}\n"
    assert [work.condition for work in work_in(source)] == conditions
