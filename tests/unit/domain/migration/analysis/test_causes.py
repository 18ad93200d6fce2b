"""What counts as a change of the schema."""

import pytest

from domain.migration.analysis.causes import is_ddl
from domain.migration.trace import StatementTrace
from tests.unit.domain.migration.traces import USERS, changed, step


@pytest.mark.parametrize(
    ("statement", "schema"),
    [
        (step("SELECT 1"), False),
        (step("UPDATE users SET name = ''"), False),
        (step("alter table users"), True),
        (step("DO $$ $$", created=changed("table", USERS)), True),
        (step("DO $$ $$", altered=changed("table", USERS)), True),
        (step("DO $$ $$", dropped=changed("table", USERS)), True),
    ],
)
def test_what_changes_the_schema(statement: StatementTrace, schema: bool) -> None:
    """As Postgres reported, and where it reports nothing, by the text."""
    assert is_ddl(statement) is schema
