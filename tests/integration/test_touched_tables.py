"""What a plan touches is what Postgres reports of its revisions, so a backup of it has all that may be lost."""

from pathlib import Path

import psycopg
import pytest

from adapter.bootstrap.plan import PlanRequest, make_plan
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.migration.sandbox.places import cache_directory
from adapter.outbound.postgres import embedded
from tests.conftest import Server
from tests.history import History
from tests.support import run

_TOUCHED = {
    "updated": "UPDATE {} SET note = 'new'",
    "found_none": "UPDATE {} SET note = 'new' WHERE id = -3",
    "found_none_locked": "ALTER TABLE {0} ADD COLUMN more text; DELETE FROM {0} WHERE id = -3",
    "deleted": "DELETE FROM {} WHERE id > 7",
    "rewritten": "ALTER TABLE {} ALTER COLUMN id TYPE bigint",
    "truncated": "TRUNCATE {}",
    "without_column": "ALTER TABLE {} DROP COLUMN note",
    "dropped": "DROP TABLE {}",
    "in_a_block": "DO $$ BEGIN UPDATE {} SET note = 'block'; END $$",
    "inserted_in_a_block": "DO $$ BEGIN INSERT INTO {} VALUES (9000) ON CONFLICT (id) DO UPDATE SET id = 1; END $$",
    "merged": "MERGE INTO {0} AS t USING (SELECT 3 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE",
    "upserted": "INSERT INTO {} VALUES (900000, 'x') ON CONFLICT (id) DO UPDATE SET note = 'x'",
    "parent": "DELETE FROM {} WHERE id < 100",
    "renamed": "ALTER TABLE {0} RENAME TO renamed_by_plan; UPDATE renamed_by_plan SET note = 'new'",
}
_LEFT = {
    "with_column": "ALTER TABLE {} ADD COLUMN more text DEFAULT 'x'",
    "with_index": "CREATE INDEX ON {} (note)",
    "inserted": "INSERT INTO {} SELECT max(id) + 1, 'x' FROM {}",
    "commented": "COMMENT ON TABLE {} IS 'x'",
    "with_check": "ALTER TABLE {} ADD CHECK (id > -1000000) NOT VALID",
}
_EXTRA = "CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent ON DELETE CASCADE)"


@pytest.fixture
def project(history: History, empty_url: str) -> Path:
    """A project whose second revision does all of these, and a database at the first."""
    tables = [f"CREATE TABLE {name} (id integer PRIMARY KEY, note text)" for name in (*_TOUCHED, *_LEFT)] + [_EXTRA]
    history.add("r1", None, "\n".join(f"op.execute({statement!r})" for statement in tables))
    changes = [
        statement.replace("{}", name).replace("{0}", name)
        for name, text in (_TOUCHED | _LEFT).items()
        for statement in (text.split("; ") if "$$" not in text else [text])
    ]
    changes += ["CREATE TABLE made (id integer)", "INSERT INTO made VALUES (1)", "UPDATE made SET id = 2"]
    history.add("r2", "r1", "\n".join(f"op.execute({statement!r})" for statement in changes))
    with psycopg.connect(empty_url, autocommit=True) as connection:
        for statement in tables:
            connection.execute(statement.encode())
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('r1'); INSERT INTO updated VALUES (1, 'kept')")
    return history.plain_ini()


@pytest.mark.one_major
def test_of_a_plan(project: Path, server: Server, empty_url: str) -> None:
    """Updates, also of no row, deletes and their cascades, rewrites and drops; not what adds, nor the plan's own."""
    request = ProjectRequest(config=project, sandbox_url=server.url(), any_role=True, rows=50)
    asked = PlanRequest("heads", empty_url, project.with_name("certificates.json"), proof_rows=20)

    assert make_plan(request, asked, lambda *_: None).touched == frozenset(
        f"public.{name}" for name in (*_TOUCHED, "child")
    )


@pytest.mark.long
@pytest.mark.one_major
def test_the_commands(project: Path, server: Server, empty_url: str, tmp_path: Path) -> None:
    """`migrate backup` saves those rows of another project's database and proves it; `migrate restore` brings them."""
    cli = ("adapter.inbound.cli.migrate",)
    folder = tmp_path / "backups"
    try:
        saved = run(
            *cli, "backup", "-c", str(project), "--to", str(folder), "--verify-backup", "--keep", "1", url=empty_url
        )
        assert saved.returncode == 0, saved.stderr
        assert "same values in 2 rows of 16 tables" in saved.stdout
        (backup,) = folder.iterdir()
        assert saved.stdout.endswith(f"migrate restore {backup}\n")

        for code, words in ((0, "restored: hexalembic_again, 2 rows of 16 tables"), (2, "")):
            again = run(*cli, "restore", str(backup), "--database", "hexalembic_again", url=empty_url)
            assert again.returncode == code, again.stderr
            assert words in again.stdout
        assert len(again.stderr.splitlines()) == 2
        with psycopg.connect(server.url("hexalembic_again")) as session:
            assert session.execute("SELECT * FROM updated").fetchall() == [(1, "kept")]
    finally:
        embedded.stop(server.major, cache_directory() / "restored", force=True)
        with psycopg.connect(empty_url, autocommit=True) as session:
            session.execute("DROP DATABASE IF EXISTS hexalembic_again WITH (FORCE)")
