"""The journal in a folder beside the project: entries as lines of JSON, and files of revisions."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.migration.target.journal.entries import from_json, to_json
from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import JournalEntry
from domain.migration.errors import JournalError

FOLDER = ".hexalembic"
_NAME = "journal.jsonl"


@dataclass(frozen=True)
class FileJournal(Journal):
    """A journal in files that only their owner reads.

    Attributes:
        folder: Where it is; it is made with the first entry.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The file of the entries."""
        return self.folder / _NAME

    def write(self, entry: JournalEntry) -> None:
        """Append an entry.

        Raises:
            JournalError: The file cannot be written.
        """
        line = f"{to_json(entry)}\n".encode()
        with self._explained():
            self._make_folder()
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(
                    file, (b"" if _ends_whole(file) else b"\n") + line
                )  # a single write is not torn by another one
                os.fsync(file)
            finally:
                os.close(file)

    def read(self) -> tuple[JournalEntry, ...]:
        """Return all entries; a line that a kill has torn is left out.

        Raises:
            JournalError: The file cannot be read, or has a line that is no entry.
        """
        with self._explained():
            if not self.path.exists():
                return ()
            lines = self.path.read_bytes().decode(errors="replace").splitlines()
        return tuple(self._entries(lines))

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision.

        Raises:
            JournalError: It cannot be written.
        """
        del revision  # the file has it
        path = self._kept(sha256)
        with self._explained():
            if path.exists():
                return
            self._make_folder()
            partial = path.with_name(f"{path.name}.{os.getpid()}")
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(gzip.compress(content))
                os.fsync(file.fileno())
            partial.replace(path)

    def kept_file(self, sha256: str) -> bytes | None:
        """Return the file with a SHA-256; None if it was not kept.

        Raises:
            JournalError: It cannot be read.
        """
        with self._explained():
            path = self._kept(sha256)
            return gzip.decompress(path.read_bytes()) if path.exists() else None

    def _entries(self, lines: list[str]) -> Iterator[JournalEntry]:
        for number, line in enumerate(lines, 1):
            try:
                yield from_json(line)
            except ValueError as error:
                if line.endswith("}"):
                    raise JournalError(
                        f"{self.path}, line {number} is no entry of the journal: {error}",
                        "take the line out, or move the file away",
                    ) from error

    def _kept(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.py.gz"

    def _make_folder(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JournalError(
                f"the journal in {self.folder} cannot be used: {error.strerror}",
                "make the folder writable, or name another one with --journal-folder",
            ) from error


def _ends_whole(file: int) -> bool:
    """Return whether a file ends with a whole line; a kill may have torn the last one."""
    size = os.lseek(file, 0, os.SEEK_END)
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"
