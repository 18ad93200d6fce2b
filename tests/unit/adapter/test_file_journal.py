"""The journal in a file: what is written, what a killed writer leaves, and damage."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from adapter.outbound.migration.target.journal.both import BothJournals
from adapter.outbound.migration.target.journal.local_file import FileJournal, place_in
from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.errors import JournalError
from tests.support import PROJECT_ROOT
from tests.unit.application.test_read_history import FakeJournal
from tests.unit.domain.migration.deployment.journals import entry

ENTRIES = (
    entry(Event.STARTED, 0, predicted=(0.001, 1 / 3)),
    entry(Event.GAVE_WAY, 1, seconds=0.1, waited=1 / 3, blockers=("pid 7", "pid 8 “…”"), message="line\nbreak"),
    entry(Event.COMMITTED, 2, attempt=2, seconds=2.0),
)
FILE = b"revision = 'a1'\n" * 1000
SHA256 = hashlib.sha256(FILE).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The place of the journal of a project."""
    return place_in(tmp_path)


def written(path: Path) -> FileJournal:
    """Return a journal in which the entries were written."""
    journal = FileJournal(path, "shop (7512)")
    for one in ENTRIES:
        journal.write(one)
    return journal


def test_entries_come_back(path: Path) -> None:
    """As they were written; the file is private, and version control leaves its folder alone."""
    assert FileJournal(path).read() == ()
    journal = written(path)
    assert journal.read() == ENTRIES
    assert {one.database for one in journal.read()} == {"shop (7512)"}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["started", "gave way", "committed"]
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_this_project_ignores_its_journal() -> None:
    """Also before the folder is there."""
    assert ".hexalembic/" in (PROJECT_ROOT / ".gitignore").read_text().split()


def test_several_databases_share_a_file(path: Path) -> None:
    """Each reads its own entries; without a database all are read."""
    written(path)
    other = FileJournal(path, "shop (1)")
    other.write(entry(Event.FAILED, 9, deployment="d2"))
    assert [one.deployment for one in other.read()] == ["d2"]
    assert len(FileJournal(path).read()) == 4


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_a_killed_writer(path: Path, cut: int) -> None:
    """Half a line at the end is left out with a warning, and the next writer takes it away; the others stay."""
    warnings: list[str] = []
    journal = replace(written(path), warn=warnings.append)
    path.write_bytes(path.read_bytes() + path.read_bytes()[:cut])
    assert journal.read() == ENTRIES
    assert "line 4 is left out" in warnings.pop()
    last = entry(Event.STARTED, 3, revision="b2")
    journal.write(last)
    assert journal.read() == (*ENTRIES, last)
    assert warnings == []


def test_a_lost_line_break(path: Path) -> None:
    """An editor may take it away: the last entry still counts."""
    journal = written(path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert journal.read() == ENTRIES
    last = entry(Event.STARTED, 3, revision="b2")
    journal.write(last)
    assert journal.read() == (*ENTRIES, last)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "Expecting value"),
        ('{"at": ', "Expecting value"),
        ("[]", "it is no object"),
        ('{"at": "2026-12-01"}', "it has no 'predicted'"),
    ],
)
def test_damage(path: Path, line: str, reason: str) -> None:
    """It is an error with the number of the line."""
    journal = written(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], f"{line}\n", *lines[1:]]))
    with pytest.raises(JournalError, match=rf"line 2 is no entry of a journal: {reason}"):
        journal.read()


def test_an_event_of_a_later_version(path: Path) -> None:
    """It is not skipped, because it may be what matters; not at the end either."""
    journal = written(path)
    path.write_text(path.read_text().replace('"committed"', '"paused"').rstrip("\n"))
    with pytest.raises(JournalError, match="line 3"):
        journal.read()


def test_no_secrets(path: Path) -> None:
    """Passwords are taken out of all texts before they are written."""
    address = "postgresql://ana:s3cr3t@db/shop"
    journal = FileJournal(path, "shop")
    journal.write(entry(Event.FAILED, message=address, who=address, blockers=(f"SELECT '{address}'", "\0\ud800")))
    assert "s3cr3t" not in path.read_text()
    assert journal.read()[0].blockers[1] == "\\x00\\ud800"


def test_two_writers_at_once(tmp_path: Path) -> None:
    """No entry is lost, no line is torn, and whoever makes the folder first is in nobody's way."""
    places = [place_in(tmp_path / str(number)) for number in range(15)]
    together = Barrier(4, timeout=60)

    def write(number: int) -> None:
        for place in places:
            together.wait()
            FileJournal(place).write(entry(Event.STARTED, number, message="x" * 5000))

    for place in places:
        place.parents[1].mkdir()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert {len(FileJournal(place).read()) for place in places} == {4}


def test_writers_of_other_processes(path: Path) -> None:
    """Two programs write in turns."""
    code = (
        "from adapter.outbound.migration.target.journal.local_file import FileJournal; from pathlib import Path;"
        "from tests.unit.domain.migration.deployment.journals import entry, Event;"
        f"[FileJournal(Path({str(path)!r}), 'shop').write(entry(Event.STARTED, i)) for i in range(20)]"
    )
    programs = [subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT) for _ in range(2)]
    assert [program.wait() for program in programs] == [0, 0]
    assert len(FileJournal(path, "shop").read()) == 40


def test_a_full_disk(path: Path) -> None:
    """Half an entry is taken away at once, and the error names the journal; the others stay."""
    journal = written(path)
    code = (
        "import resource, signal; from pathlib import Path;"
        "from adapter.outbound.migration.target.journal.local_file import FileJournal;"
        "from tests.unit.domain.migration.deployment.journals import entry, Event;"
        f"signal.signal(signal.SIGXFSZ, signal.SIG_IGN); size = {path.stat().st_size} + 50;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size));"
        f"FileJournal(Path({str(path)!r}), 'shop (7512)').write(entry(Event.FAILED))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False, capture_output=True, text=True)
    assert f"the journal {path} cannot be written: the disk is full" in result.stderr
    assert path.read_bytes().endswith(b"}\n")
    assert journal.read() == ENTRIES


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """What is in the way is said, and a link is not followed."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(JournalError, match="cannot be written"):
        FileJournal(blocked / ".hexalembic" / "journal.jsonl").write(ENTRIES[0])
    with pytest.raises(JournalError, match="cannot be written: there is no folder"):
        FileJournal(tmp_path / "a" / "b" / "journal.jsonl").write(ENTRIES[0])
    (tmp_path / "journal.jsonl").symlink_to(blocked)
    with pytest.raises(JournalError, match="cannot be written"):
        FileJournal(tmp_path / "journal.jsonl").write(ENTRIES[0])
    assert blocked.read_text() == ""


def test_kept_files(path: Path) -> None:
    """They come back as they were, compressed, once; a damaged one is not handed out."""
    journal = FileJournal(path, "shop")
    assert journal.kept_file(SHA256) is None
    for _ in range(2):
        journal.keep_file("a1", SHA256, FILE)
    assert journal.kept_file(SHA256) == FILE
    (kept,) = (path.parent / "revisions").iterdir()
    assert kept.stat().st_size < len(FILE) / 10
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes()[:-9])
    with pytest.raises(JournalError, match=f"not the one with SHA-256 {SHA256}"):
        journal.kept_file(SHA256)
    with pytest.raises(JournalError, match="SHA-256 0"):
        journal.keep_file("a1", "0", FILE)


class RefusingJournal(FakeJournal):
    """A database that refuses."""

    def write(self, entry: JournalEntry) -> None:
        """Refuse."""
        raise JournalError(f"no {entry.revision}", "none")


def test_both(path: Path) -> None:
    """What the database refuses is raised, but in the file; the history has each entry once, in order."""
    local, database = FileJournal(path, "shop"), FakeJournal()
    both: Journal = BothJournals(local, database)
    for one in (ENTRIES[2], ENTRIES[0]):
        both.write(one)
    with pytest.raises(JournalError, match="no a1"):
        BothJournals(local, RefusingJournal()).write(ENTRIES[1])
    assert len(database.entries) == 2
    assert both.read() == ENTRIES
    both.keep_file("a1", SHA256, FILE)
    assert both.kept_file(SHA256) == FILE
    assert BothJournals(local, FakeJournal()).kept_file(SHA256) == FILE
