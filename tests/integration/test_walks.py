"""Where Alembic finds no way, it is said where the database is and which command goes on."""

import pytest

from tests.history import History
from tests.integration.test_errors import fails
from tests.support import run

pytestmark = pytest.mark.one_major

PROC = "version_locations = /proc/self/net"  # a file system that nobody writes to, not even root


def test_downgrade_at_base(empty_url: str, history: History) -> None:
    """`downgrade -1` of an empty database says that nothing is there to take back."""
    history.add("r1", None, "pass")
    said = fails("alembic", "-c", str(history.ini()), "downgrade", "-1", url=empty_url)

    assert "The database is at no revision: there is nothing to take back" in said
    assert f"hint: Bring it up: alembic -c {history.ini()} upgrade head" in said


def test_not_up_to_date(empty_url: str, history: History) -> None:
    """Autogenerate and `check` of a database that is behind say where it is, and what to run first."""
    history.add("r1", None, "pass")
    history.add("r2", "r1", "pass")
    ini = str(history.ini())
    assert run("alembic", "-c", ini, "upgrade", "r1", url=empty_url).returncode == 0
    for arguments in (["check"], ["revision", "--autogenerate", "-m", "x"]):
        said = fails("alembic", "-c", ini, *arguments, url=empty_url)

        assert "Target database is not up to date: it is at r1, and the code at r2." in said
        assert f"hint: alembic -c {ini} upgrade head, then run this again." in said


@pytest.mark.long
def test_ambiguous_walk(empty_url: str, history: History) -> None:
    """`downgrade -1` from a merge names the ways there are; one of them, named, works."""
    history.add("r1", None, "pass")
    history.add("r2a", "r1", "pass")
    history.add("r2b", "r1", "pass")
    history.add("r3", "r2a", "pass")
    file = history.folder / "r3.py"
    file.write_text(file.read_text(encoding="utf-8").replace("= 'r2a'", "= ('r2a', 'r2b')"), encoding="utf-8")
    ini = str(history.ini())
    assert run("alembic", "-c", ini, "upgrade", "head", url=empty_url).returncode == 0
    said = fails("alembic", "-c", ini, "downgrade", "-1", url=empty_url)

    assert "The database is at r3, from where -1 may mean several ways: r2a, r2b (Ambiguous walk)." in said
    assert f"hint: Name the revision to go to: alembic -c {ini} downgrade REVISION" in said
    assert run("alembic", "-c", ini, "downgrade", "r1", url=empty_url).returncode == 0


def test_revision_that_does_not_exist(empty_url: str, history: History) -> None:
    """A name that no revision has gets the command that lists them."""
    history.add("r1", None, "pass")
    said = fails("alembic", "-c", str(history.ini()), "upgrade", "nothing", url=empty_url)

    hint = f"hint: alembic -c {history.ini()} history shows"
    assert f"Can't locate revision identified by 'nothing'.\n  {hint}" in said


@pytest.mark.long
def test_id_that_the_version_table_cannot_hold(history: History) -> None:
    """An id of more than 32 letters is refused before a file is written; one of 32 is written, without a database."""
    history.add("r1", None, "pass")
    before = set(history.folder.iterdir())
    ini = str(history.ini())
    for arguments in (["revision", "-m", "x"], ["merge", "-m", "x", "heads"]):
        said = fails("alembic", "-c", ini, *arguments, "--rev-id", "x" * 33, url="postgresql://127.0.0.1:1/nowhere")

        assert "cannot hold a revision id of 33 letters; it takes 32" in said
    assert {path.name for path in set(history.folder.iterdir()) - before} <= {"alembic.ini", "__pycache__"}
    result = run("alembic", "-c", ini, "revision", "-m", "x", "--rev-id", "x" * 32, url="postgresql://127.0.0.1:1/no")

    assert result.returncode == 0, result.stdout + result.stderr
    assert list(history.folder.glob(f"*{'x' * 32}*"))


def test_folder_that_cannot_be_written_to(history: History) -> None:
    """A checkout that this user cannot write to is named before autogenerate compares anything."""
    history.add("r1", None, "pass")
    ini = str(history.ini()).replace("alembic.ini", "read_only.ini")
    text = history.ini().read_text(encoding="utf-8").replace(f"version_locations = {history.folder}", PROC)
    history.folder.joinpath("read_only.ini").write_text(text, encoding="utf-8")
    said = fails("alembic", "-c", ini, "revision", "-m", "x", url="postgresql://127.0.0.1:1/nowhere")

    assert "No new revision can be written to /proc/self/net" in said
