"""The file of an applied revision has changed since it was proved.

The database ran another revision than the one in the repository, and a new database will get another schema. The safe
way is to restore the old file from version control, and to put the change into a new revision.
"""

from collections.abc import Iterable, Mapping

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.certificate import Certificate

CODE = "applied-revision-changed"
SEVERITY = Severity.ERROR


def changed_since(
    certificates: Iterable[Certificate], files: Mapping[str, str], applied: Iterable[str]
) -> tuple[Diagnostic, ...]:
    """Report applied revisions whose file differs from the one that was proved.

    Args:
        certificates: Certificates of the revisions.
        files: SHA-256 of each revision's current file.
        applied: Ids of the revisions that a database has applied.
    """
    proved: dict[str, set[str]] = {}
    for certificate in certificates:
        proved.setdefault(certificate.revision, set()).add(certificate.sha256)
    return tuple(
        Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"Revision {revision} is applied, but its file has changed since it was proved: its SHA-256"
            f" was {', '.join(sorted(proved[revision]))} and is {files[revision]}.",
            "Restore the old file from version control, and put the change into a new revision.",
        )
        for revision in applied
        if revision in proved and revision in files and files[revision] not in proved[revision]
    )
