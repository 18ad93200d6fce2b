"""docs/locks.md says what Postgres does, on each major version."""

from pathlib import Path

import psycopg
import pytest

from adapter.bootstrap.locks import check_lock_catalog
from adapter.outbound.migration.lock_catalog.measure import measure, rows
from adapter.outbound.migration.lock_catalog.operation import TABLES, Operation
from adapter.outbound.migration.lock_catalog.operations import OPERATIONS
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from domain.migration.errors import MigrationError
from domain.migration.lock_catalog import BUILDS, OWN_LOCK, SCANS, TRANSACTION
from tests.conftest import Server
from tests.support import PROJECT_ROOT, run

PAGE = PROJECT_ROOT / "docs" / "locks.md"


@pytest.mark.long
def test_the_page_says_what_postgres_does(server: Server) -> None:
    """Every operation, measured anew on this server, gives what the page says of its major version."""
    with ServerSandbox(server.url()) as sandbox:
        measured = rows(OPERATIONS, {server.major: measure(sandbox, OPERATIONS)})

    assert check_lock_catalog(PAGE, measured) == []
    assert len(measured) > 100


def test_concurrent_operations_are_seen(server: Server) -> None:
    """What cannot run in a transaction is found out, and measured outside of one."""
    asked = [one for one in OPERATIONS if one.name == "create an index concurrently"]
    with ServerSandbox(server.url()) as sandbox:
        (found,) = rows(asked, {server.major: measure(sandbox, asked)})
    facts = found.facts[server.major]

    assert facts[OWN_LOCK] == "SHARE UPDATE EXCLUSIVE"
    assert facts[TRANSACTION] == "no"
    assert facts[BUILDS] == "orders_note_idx"
    assert facts[SCANS] == "orders"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (Operation("X", "two at once", alembic='(op.execute("SELECT 1"), op.execute("SELECT 2"))'), "is 2 statements"),
        (Operation("X", "no such table", "SELECT 1", setup="DROP TABLE nobody"), "'no such table' cannot be prepared"),
    ],
)
def test_operations_that_cannot_be_measured(server: Server, operation: Operation, said: str) -> None:
    """An operation that is not one statement, or whose preparation fails, is named."""
    with ServerSandbox(server.url()) as sandbox, pytest.raises(MigrationError, match=said):
        measure(sandbox, [operation])


def test_names_follow_the_rule() -> None:
    """Operations have names of their own, and no table's name begins with another's, as those of indexes do."""
    assert len({(one.group, one.name) for one in OPERATIONS}) == len(OPERATIONS)
    assert all(bool(one.sql) != bool(one.alembic) for one in OPERATIONS)


def test_tables_are_made_anew(empty_url: str) -> None:
    """What prepares an operation can run again and again in one database, whatever the operation before has left."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for setup in (TABLES, TABLES, f"{TABLES} DROP EXTENSION vector", TABLES):
            connection.execute(setup.encode())


@pytest.mark.long
def test_command_names_what_differs(tmp_path: Path) -> None:
    """`--check` exits with 1 and names the cell; without a page it is a usage error."""
    changed = tmp_path / "locks.md"
    text = PAGE.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("| **create an index**"))
    changed.write_text(text.replace(line, line.replace("| SHARE |", "| ACCESS EXCLUSIVE |")), encoding="utf-8")
    folder = str(tmp_path / "sandbox")
    result = run(
        *("adapter.inbound.cli.migrate", "locks", "--check", "--pg", "18", "--output", str(changed)),
        HEXALEMBIC_SANDBOX_DIR=folder,
        HEXALEMBIC_POSTGRES_LINGER="0.2",
    )

    assert result.returncode == 1, result.stderr
    assert result.stdout.splitlines() == [
        "create an index, lock on its table: the page says 'ACCESS EXCLUSIVE', Postgres 18 does 'SHARE'"
    ]
    missing = run("adapter.inbound.cli.migrate", "locks", "--check", "--output", str(tmp_path / "none.md"))
    assert missing.returncode == 2
    assert "there is no page" in missing.stderr
