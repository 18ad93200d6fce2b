"""Why a statement works on a table, and what counts as a change of the schema."""

import pytest

from domain.migration.analysis.causes import Cause, cause_of, is_ddl
from domain.migration.analysis.impact import Work, WorkKind
from domain.migration.trace import StatementTrace
from tests.unit.domain.migration.traces import USERS, changed, revision, step


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


@pytest.mark.parametrize(
    ("kind", "sql", "cause"),
    [
        (WorkKind.WRITE, "ALTER TABLE users SET NOT NULL", Cause.DATA),
        (WorkKind.LOCK, "ALTER TABLE users SET NOT NULL", Cause.DATA),
        (WorkKind.INSERT, "CREATE TABLE x AS SELECT 1", Cause.DATA),
        (WorkKind.SCAN, "SELECT count(*) FROM users", Cause.DATA),
        (WorkKind.SCAN, "ALTER TABLE users ALTER name SET NOT NULL", Cause.NOT_NULL),
        (WorkKind.SCAN, "ALTER TABLE users VALIDATE CONSTRAINT ck", Cause.VALIDATION),
        (WorkKind.SCAN, "ALTER DOMAIN age ADD CHECK (VALUE > 0)", Cause.OTHER),
        (WorkKind.REWRITE, "ALTER TABLE users ALTER name TYPE int", Cause.REWRITE),
        (WorkKind.INDEX, "CREATE INDEX ix ON users (name)", Cause.INDEX_BUILD),
    ],
)
def test_the_cause_of_work(kind: WorkKind, sql: str, cause: Cause) -> None:
    """Written rows are data, whatever the statement; a scan has the cause that the text of a schema change names."""
    assert cause_of(revision(step(sql)), Work(0, USERS, kind)) is cause
