"""A revision that fails says in two lines what the server said, where in which file, and what is usual then."""

import re

import psycopg
import pytest

from tests.history import History
from tests.integration.test_errors import fails
from tests.support import run

pytestmark = pytest.mark.one_major

ROWS = "op.execute('CREATE TABLE t (id int, n int)')\nop.execute('INSERT INTO t VALUES (1, 1), (1, -1)')"
FAILING = {
    "23502": ("op.add_column('t', sa.Column('m', sa.Integer, nullable=False))", "contains null values", "nullable"),
    "23505": ("op.create_unique_constraint('u', 't', ['id'])", "Key (id)=(1) is duplicated", "twice"),
    "23503": (
        "op.execute('CREATE TABLE p (id int PRIMARY KEY)'); op.create_foreign_key('f', 't', 'p', ['id'], ['id'])",
        'Key (id)=(1) is not present in table "p"',
        "not there",
    ),
    "23514": ("op.create_check_constraint('c', 't', 'n > 0')", "is violated by some row", "NOT VALID"),
    "42P07": (
        "op.create_table('t', sa.Column('id', sa.Integer))",
        'relation "t" already exists',
        "alembic.ini stamp r2",
    ),
    "42703": ("op.drop_column('t', 'nothing')", 'column "nothing" of relation "t" does not exist', "no such column"),
    "42804": (
        "op.execute('ALTER TABLE t ALTER n TYPE date USING n')",
        "cannot be cast automatically",
        "postgresql_using",
    ),
    "42804 of a foreign key": (
        "op.execute('CREATE TABLE p (id text PRIMARY KEY)'); op.create_foreign_key('f', 't', 'p', ['id'], ['id'])",
        "are of incompatible types: integer and text",
        "A foreign key needs columns of comparable types",
    ),
    "42601": ("op.execute('ALTER TABLE t ADD ADD')", "syntax error at", "Correct the statement"),
}


@pytest.mark.few(2)
@pytest.mark.parametrize(("body", "said", "hint"), FAILING.values(), ids=FAILING)
def test_database_refuses(empty_url: str, history: History, body: str, said: str, hint: str) -> None:
    """What the server refuses inside of a revision is two lines: its words, the revision, the line, and a way out."""
    history.add("r1", None, ROWS)
    history.add("r2", "r1", f"\n\n{body}")
    output = fails("alembic", "-c", str(history.ini()), "upgrade", "head", url=empty_url)

    failed, way_out = output.split("FAILED: ")[1].splitlines()[:2]
    assert re.match(r"Revision r2 failed \(r2\.py, line \d+\): ", failed)
    line = int(re.findall(r"line (\d+)", failed)[0])
    assert body in (history.folder / "r2.py").read_text(encoding="utf-8").splitlines()[line - 1]
    assert said in failed
    assert failed.endswith("It has been rolled back.")
    assert hint in way_out
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r1",)]


def test_downgrade_refused(empty_url: str, history: History) -> None:
    """A downgrade that fails is called that."""
    history.add("r1", None, "pass", "op.drop_table('nothing')")
    ini = str(history.ini())
    assert run("alembic", "-c", ini, "upgrade", "head", url=empty_url).returncode == 0
    output = fails("alembic", "-c", ini, "downgrade", "base", url=empty_url)

    assert "The downgrade of r1 failed (r1.py, line " in output


BROKEN = {
    "syntax": ("def upgrade(:", "line 3: Python cannot read the file (invalid syntax)", "Correct the line"),
    "import": ("import no_such_package", "line 3: the import failed (No module named", "Install the package"),
    "value": ("x = 1 / 0", "line 3: the file cannot be loaded (ZeroDivisionError: division by zero)", "Correct"),
    "parent": ("down_revision = 'gone'", "follows revision gone, which has no file", "Restore the file"),
}


@pytest.mark.few(1)
@pytest.mark.parametrize(("line", "said", "hint"), BROKEN.values(), ids=BROKEN)
def test_file_that_cannot_be_loaded(history: History, line: str, said: str, hint: str) -> None:
    """A file that Python or Alembic cannot load is named before anything is connected, by `migrate` as by Alembic."""
    history.add("r1", None, "pass")
    (history.folder / "r2.py").write_text(f"revision = 'r2'\ndown_revision = 'r1'\n{line}\n", encoding="utf-8")
    for arguments in (["upgrade", "head"], ["heads"], ["check"], ["upgrade", "head", "--sql"]):
        url = "postgresql://127.0.0.1:1/nowhere"
        output = fails("alembic", "-c", str(history.ini()), *arguments, url=url)

        assert "r2.py" in output.split("hint:")[0]
        assert said in output
        assert hint in output
    result = run("adapter.inbound.cli.migrate", "analyze", "-c", str(history.ini()), "base:heads")

    assert result.returncode == 2, result.stderr
    assert result.stderr.splitlines()[0].startswith("error: ")
    assert said in result.stderr.splitlines()[0]
    assert hint in result.stderr


HISTORIES = {
    "circle": (
        "r2",
        "down_revision = 'r3'",
        "The revisions follow each other in a circle: r",
        "Correct the down_revision",
    ),
    "twice": ("r1", "down_revision = None", "Two files have the revision id r1.", "Delete one"),
    "no parent": ("r2", "", "The revision r2.py has no variable down_revision.", "or None if it is the first"),
    "dependency": (
        "r2",
        "down_revision = 'r1'\ndepends_on = 'gone'",
        "revision gone, which has no file.",
        "depends_on",
    ),
}


@pytest.mark.parametrize(("revision", "lines", "said", "hint"), HISTORIES.values(), ids=HISTORIES)
def test_no_history(history: History, revision: str, lines: str, said: str, hint: str) -> None:
    """Revisions of which Alembic can make no history are refused, in the same words by `migrate` as by Alembic."""
    history.add("r1", None, "pass")
    (history.folder / "r2.py").write_text(f"revision = {revision!r}\n{lines}\n", encoding="utf-8")
    history.add("r3", "r2" if revision == "r2" else "r1", "pass")
    ini = str(history.ini())
    url = "postgresql://127.0.0.1:1/nowhere"
    for output in (
        fails("alembic", "-c", ini, "upgrade", "head", url=url),
        fails("adapter.inbound.cli.migrate", "analyze", "-c", ini, "base:heads", url=url, exit_code=2),
    ):
        what, how = output.strip().splitlines()[:2]
        assert said in what
        assert hint in how


def test_import_inside_of_a_revision(empty_url: str, history: History) -> None:
    """A package that a revision imports while it runs is named, with the line."""
    history.add("r1", None, "import no_such_package")
    output = fails("alembic", "-c", str(history.ini()), "upgrade", "head", url=empty_url)

    assert "Revision r1 failed (r1.py, line 11): the import failed (No module named 'no_such_package')" in output


PYTHON = {
    "name": ("op.add_column('t', sa.Column('v', Vector(3)))", "NameError: name 'Vector' is not defined.", "Import"),
    "own": ("\n\nraise RuntimeError('not on a Friday.')", "RuntimeError: not on a Friday.", "Correct that line"),
}


@pytest.mark.parametrize(("body", "said", "hint"), PYTHON.values(), ids=PYTHON)
def test_python_of_a_revision(empty_url: str, history: History, body: str, said: str, hint: str) -> None:
    """An error of the revision's own code is two lines, for its place says all that a traceback would."""
    history.add("r1", None, body)
    output = fails("alembic", "-c", str(history.ini()), "upgrade", "head", url=empty_url)

    failed, way_out = output.split("FAILED: ")[1].splitlines()[:2]
    assert re.match(r"Revision r1 failed \(r1\.py, line \d+\): ", failed)
    assert failed.endswith(f"{said} It has been rolled back.")
    assert hint in way_out
    assert "Traceback" not in output


def test_python_that_a_revision_calls(empty_url: str, history: History) -> None:
    """An error in code that the revision calls needs its traceback."""
    history.add("r1", None, "import json\njson.loads('{')")
    result = run("alembic", "-c", str(history.ini()), "upgrade", "head", url=empty_url)

    assert result.returncode == 1
    assert "Traceback" in result.stderr
