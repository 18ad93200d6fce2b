"""The journal in a file beside the project: a line of JSON for each entry."""

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapter.outbound.migration.target.journal.fields import entry_of, fields_of
from adapter.outbound.migration.target.journal.kept import packed, unpacked
from adapter.outbound.migration.target.output import write_to_stderr
from adapter.outbound.postgres.redaction import shown
from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import JournalEntry
from domain.migration.errors import JournalError

_FOLDER = ".hexalembic"
_FILE = "journal.jsonl"
_FILES = "revisions"
_PRIVATE = 0o600


def place_in(folder: Path) -> Path:
    """Return the place of the journal in a folder, which is the one of the project where no other is named."""
    return folder / _FOLDER / _FILE


def _warn(message: str) -> None:
    write_to_stderr(f"warning: {message}\n")


@dataclass(frozen=True)
class FileJournal(Journal):
    """A journal in a file that only its owner may read.

    Attributes:
        path: The file; files of revisions are kept in a folder beside it.
        database: The database that entries are written for. Only its entries are read; those of all databases if it is
            empty, because deployments of one project to several databases share a file.
        warn: Receives what a reader should know.
    """

    path: Path
    database: str = ""
    warn: Callable[[str], object] = _warn

    def write(self, entry: JournalEntry) -> None:
        """Append an entry with one write.

        Raises:
            JournalError: The file cannot be written.
        """
        line = json.dumps(fields_of(entry, self.database)).encode() + b"\n"
        with self._explained("written"), self._appended() as file:
            end = _end_of_lines(file)
            try:
                _write_line(file, line, end)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file, end)
                raise

    def read(self) -> tuple[JournalEntry, ...]:
        """Return the entries of the database, oldest first.

        Raises:
            JournalError: The file cannot be read, or a line of it is damaged.
        """
        try:
            with self._explained("read"):
                content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        *lines, rest = content.split(b"\n")
        entries = [self._entry(number, line) for number, line in enumerate(lines, 1)]
        if rest and _is_whole(rest):
            entries.append(self._entry(len(lines) + 1, rest))
        elif rest:
            self.warn(
                f"{shown(self.path)}: line {len(lines) + 1} is left out, because it is not finished: a deployment "
                "was killed while it wrote it"
            )
        return tuple(entry for entry in entries if self.database in {"", entry.database})

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:  # noqa: ARG002 - the entries name it
        """Keep the file of a revision.

        Raises:
            JournalError: It cannot be written, or has another SHA-256.
        """
        compressed = packed(sha256, content)
        with self._explained("written"):
            folder = self._folder() / _FILES
            folder.mkdir(mode=0o700, exist_ok=True)
            place = folder / f"{sha256}.gz"
            if not place.exists():
                _write_whole(place, compressed)

    def kept_file(self, sha256: str) -> bytes | None:
        """Return a kept file.

        Raises:
            JournalError: It cannot be read, or is damaged.
        """
        try:
            with self._explained("read"):
                return unpacked(sha256, (self.path.parent / _FILES / f"{sha256}.gz").read_bytes())
        except FileNotFoundError:
            return None

    def _entry(self, number: int, line: bytes) -> JournalEntry:
        try:
            return _decoded(line)
        except _DAMAGES as error:
            reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            raise JournalError(
                f"{shown(self.path)}: line {number} is no entry of a journal: {reason}",
                "restore the file from a backup, or take the line out; "
                "a file of a newer version is read by that version only",
            ) from None

    def _folder(self) -> Path:
        """Return the folder, after making it, so that version control leaves it alone."""
        folder = self.path.parent
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            (folder / ".gitignore").write_text("*\n")
        return folder

    @contextmanager
    def _appended(self) -> Iterator[int]:
        """Open the file for one writer at a time; it is unlocked when it is closed."""
        self._folder()
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self.path.parent)

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            if done == "read":
                raise
            raise self._error(done, "there is no folder for it") from None
        except OSError as error:
            raise self._error(done, error.strerror or str(error)) from None

    def _error(self, done: str, reason: str) -> JournalError:
        return JournalError(
            f"the journal {shown(self.path)} cannot be {done}: {reason}",
            "make the folder writable, or name another one: --journal-folder",
        )


_DAMAGES = (KeyError, TypeError, ValueError)


def _write_line(file: int, line: bytes, place: int) -> None:
    if os.pwrite(file, line, place) != len(line):
        raise OSError("the disk is full")
    os.fsync(file)


def _is_whole(line: bytes) -> bool:
    """Return whether the last line has its end, though no line break."""
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _decoded(line: bytes) -> JournalEntry:
    fields: Any = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - what is wrong is the text
    return entry_of(fields)


def _end_of_lines(file: int) -> int:
    """Return where the next line begins, after taking away what a killed writer has left behind the last one.

    A last entry that is whole but has no line break, as editors leave it, gets one.
    """
    end = os.fstat(file).st_size
    begin = end
    while begin > 0 and os.pread(file, 1, begin - 1) != b"\n":
        begin -= 1
    if begin == end:
        return end
    if _is_whole(os.pread(file, end - begin, begin)):
        os.pwrite(file, b"\n", end)
        return end + 1
    os.ftruncate(file, begin)
    return begin


def _write_whole(place: Path, content: bytes) -> None:
    """Write a private file that is either there as a whole or not at all."""
    file, name = tempfile.mkstemp(dir=place.parent, prefix=".")
    try:
        with os.fdopen(file, "wb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
