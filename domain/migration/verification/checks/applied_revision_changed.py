"""The file of a revision that a database has applied is not the one that was proved.

What ran there is not what the repository says, and a new database will get something else. The safe way is to take the
old file from version control, and to write what is new as a revision of its own.
"""

from collections.abc import Iterable, Mapping

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.certificate import Certificate

CODE = "applied-revision-changed"
SEVERITY = Severity.ERROR


def changed_since(
    certificates: Iterable[Certificate], files: Mapping[str, str], applied: Iterable[str]
) -> tuple[Diagnostic, ...]:
    """Find revisions that were applied and whose file is not the one that was proved.

    Args:
        certificates: What was proved.
        files: The SHA-256 of each revision's file as it is now.
        applied: Revisions that a real database has.
    """
    proved: dict[str, set[str]] = {}
    for one in certificates:
        proved.setdefault(one.revision, set()).add(one.sha256)
    return tuple(
        Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"Revision {revision} is applied, but its file has changed since it was proved: it was"
            f" {', '.join(sorted(proved[revision]))}, it is {files[revision]}.",
            "Take the old file from version control, and write what is new as a revision of its own.",
        )
        for revision in applied
        if revision in proved and revision in files and files[revision] not in proved[revision]
    )
