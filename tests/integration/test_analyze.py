"""`migrate analyze`: revisions run in a sandbox, and what is said of them is what Postgres reported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import SERVERS, Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment, run

pytestmark = pytest.mark.one_major

BASE = """
op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text, age int)")
op.execute("CREATE TABLE pets (id bigint PRIMARY KEY, owner_id bigint)")
"""
DROP_BASE = 'op.execute("DROP TABLE pets")\nop.execute("DROP TABLE people")'


def analyze(sandbox_url: str, *arguments: str, url: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command on a sandbox of the tests' server."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze"),
            *("--sandbox-url", sandbox_url, "--rows", "1200"),
            *arguments,
        ],
        cwd=PROJECT_ROOT,
        env=process_environment(url),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def as_json(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read the report, by revision."""
    assert result.returncode in {0, 1}, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["schema"] == "hexalembic.analysis/1"
    return {revision["revision"]: revision for revision in report["revisions"]}


@pytest.fixture
def mixed(history: History) -> History:
    """A history with safe and unsafe revisions."""
    history.add("r1", None, BASE, DROP_BASE)
    history.add("r2", "r1", 'op.create_index("ix_people_name", "people", ["name"])', 'op.drop_index("ix_people_name")')
    history.add(
        "r3",
        "r2",
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("ix_pets_owner", "pets", ["owner_id"], postgresql_concurrently=True)',
        'with op.get_context().autocommit_block():\n    op.drop_index("ix_pets_owner", postgresql_concurrently=True)',
    )
    history.add(
        "r4",
        "r3",
        'op.alter_column("people", "age", type_=sa.BigInteger())',
        'op.alter_column("people", "age", type_=sa.Integer())',
    )
    history.add(
        "r5", "r4", 'op.execute("ALTER TABLE people ADD COLUMN nickname text")', 'op.drop_column("people", "nickname")'
    )
    return history


def test_verdicts_and_measures(sandbox_url: str, mixed: History) -> None:
    """Index build and rewrite under blocking locks are unsafe, their online forms are safe, as Postgres reported."""
    found = as_json(analyze(sandbox_url, "base:heads", "-c", str(mixed.ini()), "--format", "json"))

    assert {revision: one["verdict"] for revision, one in found.items()} == {
        "r1": "safe",
        "r2": "unsafe",
        "r3": "safe",
        "r4": "unsafe",
        "r5": "safe",
    }
    assert found["r1"]["locks"] == {}
    assert found["r2"]["locks"] == {"public.people": "SHARE"}
    assert found["r2"]["upgrade"]["statements"][0]["indexes_built"] == ["public.ix_people_name"]
    assert found["r2"]["upgrade"]["statements"][0]["operation"] == "create_index"
    assert found["r3"]["locks"] == {"public.pets": "SHARE UPDATE EXCLUSIVE"}
    assert found["r4"]["locks"] == {"public.people": "ACCESS EXCLUSIVE"}
    assert found["r4"]["rewritten"] == ["public.people"]
    assert found["r5"]["rewritten"] == []
    assert found["r2"]["windows"][0]["blocks_writes"]
    assert not found["r2"]["windows"][0]["blocks_reads"]


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_exit_codes_and_formats(sandbox_url: str, mixed: History) -> None:
    """An unsafe revision exits with 1 unless told otherwise, and every format names it."""
    ini = str(mixed.ini())
    for form in ("text", "markdown", "sarif", "github", "json"):
        result = analyze(sandbox_url, "r2", "-c", ini, "--format", form)

        assert result.returncode == 1, result.stderr
        assert "blocking-index-build" in result.stdout
        assert "public.people" in result.stdout
        assert "\x1b[" not in result.stdout
    assert analyze(sandbox_url, "r2", "-c", ini, "--fail-on", "never").returncode == 0
    assert analyze(sandbox_url, "r3", "-c", ini).returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_suppression(sandbox_url: str, mixed: History) -> None:
    """A suppression with a reason makes the revision safe and is shown; one that suppresses nothing is named."""
    for revision, text in (("r2", '{"blocking-index-build": "people is empty until May"}'), ("r5", '{"typo": "x"}')):
        path = mixed.folder / f"{revision}.py"
        path.write_text(path.read_text(encoding="utf-8") + f"\n\nsafety_assured = {text}\n", encoding="utf-8")
    found = as_json(analyze(sandbox_url, "r1:r5", "-c", str(mixed.ini()), "--format", "json"))

    assert found["r2"]["verdict"] == "safe"
    assert "people is empty until May" in {one["suppressed"] for one in found["r2"]["diagnostics"]}
    assert "unused-suppression" in {one["code"] for one in found["r5"]["diagnostics"]}


@pytest.mark.long
def test_failing_revision_does_not_end_the_analysis(sandbox_url: str, history: History) -> None:
    """A revision that fails on existing rows is unsafe, and the next ones are analyzed all the same."""
    history.add("r1", None, BASE, DROP_BASE)
    history.add(
        "r2", "r1", 'op.execute("ALTER TABLE people ADD COLUMN must text NOT NULL")', 'op.drop_column("people", "must")'
    )
    history.add("r3", "r2", 'op.execute("ALTER TABLE pets ADD COLUMN color text")', 'op.drop_column("pets", "color")')
    found = as_json(analyze(sandbox_url, "base:heads", "-c", str(history.ini()), "--format", "json"))

    assert found["r2"]["verdict"] == "unsafe"
    assert "contains null values" in found["r2"]["upgrade"]["statements"][0]["error"]
    assert found["r3"]["verdict"] == "safe"


@pytest.mark.long
def test_batches_are_told_from_one_big_update(sandbox_url: str, history: History) -> None:
    """Batches that commit by themselves are safe although one would be enough for the sandbox; one UPDATE is not."""
    history.add("r1", None, BASE, DROP_BASE)
    history.add("r2", "r1", 'op.execute("UPDATE people SET age = 1")', "pass")
    history.add(
        "r3",
        "r2",
        "with op.get_context().autocommit_block():\n"
        "    last = 0\n"
        "    connection = op.get_bind()\n"
        '    top = connection.scalar(sa.text("SELECT max(id) FROM people"))\n'
        "    while last < top:\n"
        '        connection.execute(sa.text("UPDATE people SET age = 2 WHERE id > :a AND id <= :b"), '
        '{"a": last, "b": last + 3000})\n'
        "        last += 3000",
        "pass",
    )
    found = as_json(analyze(sandbox_url, "r1:r3", "-c", str(history.ini()), "--format", "json"))

    assert "unbatched-write" in found["r2"]["reasons"]
    assert "unbatched-write" not in found["r3"]["reasons"]


def test_nothing_reaches_the_projects_database(
    server: Server, sandbox_url: str, mixed: History, empty_url: str
) -> None:
    """The database that DATABASE_URL names is not touched, not even read."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("ALTER DATABASE hexalembic_empty WITH ALLOW_CONNECTIONS false")
        try:
            result = analyze(sandbox_url, "r5", "-c", str(mixed.ini()), url=empty_url)
        finally:
            connection.execute("ALTER DATABASE hexalembic_empty WITH ALLOW_CONNECTIONS true")

    assert result.returncode == 0, result.stderr
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('people')").fetchone() == (None,)


def test_no_database_is_left(sandbox_url: str, mixed: History) -> None:
    """After the command the server has the databases that it had before it; no template is left there."""
    query = "SELECT datname FROM pg_database ORDER BY 1"
    with psycopg.connect(sandbox_url, autocommit=True) as connection:
        before = connection.execute(query).fetchall()
        assert analyze(sandbox_url, "r5", "-c", str(mixed.ini())).returncode in {0, 1}
        assert connection.execute(query).fetchall() == before


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise SystemExit(3)", "sys.exit"),
        ("raise RuntimeError('not today')", "not today"),
        ("op.execute('SELECT no_such_function()')", "no_such_function"),
    ],
)
def test_revisions_that_misbehave(sandbox_url: str, history: History, body: str, said: str) -> None:
    """A revision that exits, raises or fails is unsafe with what it said, and the command ends well."""
    history.add("r1", None, body, "pass")
    result = analyze(sandbox_url, "r1", "-c", str(history.ini()), "--format", "json")

    assert as_json(result)["r1"]["verdict"] == "unsafe"
    assert said in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_bad_input(sandbox_url: str, mixed: History, tmp_path: Path) -> None:
    """An unknown revision, a range the wrong way round and a missing file are two lines and exit code 2."""
    ini = str(mixed.ini())
    for arguments, said in (
        (("zz", "-c", ini), "there is no revision zz"),
        (("r3:r1", "-c", ini), "r3 comes after r1"),
        (("r1", "-c", str(tmp_path / "none.ini")), "there is no file"),
    ):
        result = analyze(sandbox_url, *arguments)

        assert result.returncode == 2, result.stderr
        assert said in result.stderr
        assert "hint: " in result.stderr
    (mixed.folder / "r9.py").write_text("this is no Python", encoding="utf-8")
    broken = analyze(sandbox_url, "r1", "-c", ini)
    assert broken.returncode == 2
    assert "r9.py" in broken.stderr
    assert "Traceback" not in broken.stderr


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_own_history_is_safe(sandbox_url: str) -> None:
    """Every revision of this project is safe by its own measure."""
    found = as_json(analyze(sandbox_url, "base:heads", "--format", "json"))

    assert {revision: one["reasons"] for revision, one in found.items() if one["verdict"] == "unsafe"} == {}


@pytest.mark.long
def test_two_sandboxes_say_what_one_says(mixed: History, tmp_path: Path) -> None:
    """With --jobs 2 a range is shared by two embedded servers; verdicts and measures are those of one."""
    for number in range(6, 9):
        mixed.add(f"r{number}", f"r{number - 1}", f'op.execute("CREATE TABLE t{number} (id int PRIMARY KEY)")')
    config = mixed.plain_ini()

    def run(jobs: int) -> dict[str, Any]:
        environment = process_environment(
            HEXALEMBIC_SANDBOX_DIR=str(tmp_path / "sandbox"), HEXALEMBIC_POSTGRES_LINGER="1"
        )
        command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "base:heads", "-c", str(config)]
        return as_json(
            subprocess.run(
                [*command, "--rows", "1200", "--format", "json", "--jobs", str(jobs)],
                cwd=PROJECT_ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        )

    one, two = run(1), run(2)
    assert (tmp_path / "sandbox" / "lane-1").is_dir()
    assert list(one) == list(two) == [f"r{number}" for number in range(1, 9)]
    for name in ("verdict", "reasons", "locks", "rewritten", "changes", "strategy"):
        assert [revision[name] for revision in one.values()] == [revision[name] for revision in two.values()]


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_jobs_on_one_server_are_refused(sandbox_url: str, mixed: History) -> None:
    """Figures of the server's WAL would be those of all of them."""
    result = analyze(sandbox_url, "base:heads", "-c", str(mixed.ini()), "--jobs", "2")

    assert (result.returncode, result.stdout) == (2, "")
    assert "--sandbox-url" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["analyze", "r1", "--sandbox-url", "{server}", "--rows", "10"], 0, "SAFE r1"),
        (["stats"], 2, "stats works for this project only"),
        (["--help"], 0, "alembic.ini or pyproject.toml"),
    ],
)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_the_project_is_named_before_the_command(
    sandbox_url: str, history: History, arguments: list[str], code: int, said: str
) -> None:
    """`-c` stands where `alembic` has it, and is refused by commands that know this project only."""
    history.add("r1", None, BASE, DROP_BASE)
    given = (one.format(server=sandbox_url) for one in arguments)
    result = run("adapter.inbound.cli.migrate", "-c", str(history.plain_ini()), *given)
    assert result.returncode == code, result.stderr
    assert said in " ".join((result.stdout + result.stderr).replace("│", " ").split())
