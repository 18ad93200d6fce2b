"""Files of revisions as a journal keeps them: compressed, and proved when they are taken out."""

import gzip
import hashlib
import zlib

from domain.migration.errors import JournalError


def packed(sha256: str, content: bytes) -> bytes:
    """Return a compressed file.

    Raises:
        JournalError: The file has another SHA-256.
    """
    _prove(sha256, content)
    return gzip.compress(content, mtime=0)


def unpacked(sha256: str, compressed: bytes) -> bytes:
    """Return a file that was compressed.

    Raises:
        JournalError: It is damaged, or has another SHA-256.
    """
    try:
        content = gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error):
        content = b""
    _prove(sha256, content)
    return content


def _prove(sha256: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise JournalError(
            f"the kept file of a revision is not the one with SHA-256 {sha256}",
            "take it from the repository, at the commit that was deployed",
        )
