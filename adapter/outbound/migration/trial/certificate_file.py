"""The certificates, in a JSON file beside the revisions."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from adapter.outbound.migration.trial.databases import RevisionDatabases
from application.migration.ports.certificates import CertificateStore
from domain.migration.verification.certificate import Certificate, from_json, to_json
from domain.migration.verification.round_trip import CertificateError

_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def beside_env(databases: RevisionDatabases) -> Path:
    """Return the path of the file beside env.py; beside the configuration if the project has no revision."""
    entries = databases.history().entries
    folder = Path(entries[0].path).parent.parent if entries else databases.project.config.parent
    return folder / "certificates.json"


class CertificateFile(CertificateStore):
    """A JSON file with all certificates, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        """Create a store.

        Args:
            path: The file; it need not exist.
        """
        self._path = path

    def read(self) -> tuple[Certificate, ...]:
        """Return all certificates; none when the file does not exist.

        Raises:
            CertificateError: The file cannot be read.
        """
        try:
            return from_json(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateError(f"{self._path.name} cannot be read: {error}", "name another file") from error

    def write(self, certificates: Iterable[Certificate]) -> None:
        """Write certificates in place of those in the file; a concurrent reader sees the old file or the new one.

        Raises:
            CertificateError: This user may not write the file.
            OSError: It cannot be written for another reason, such as a full disk.
        """
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            draft.write_text(to_json(certificates), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            error.filename = error.filename or str(draft)  # the error of a full disk names no file
            draft.unlink(missing_ok=True)
            if error.errno in _FORBIDDEN:
                raise CertificateError(
                    f"{self._path} cannot be written ({error.strerror}), so that what was proved is not kept",
                    "name a file elsewhere: --certificates FILE",
                ) from error
            raise


class Unkept(CertificateStore):
    """A store that keeps nothing, so that everything is proved each time."""

    def read(self) -> tuple[Certificate, ...]:
        """Return no certificates."""
        return ()

    def write(self, certificates: Iterable[Certificate]) -> None:
        """Write nothing."""
