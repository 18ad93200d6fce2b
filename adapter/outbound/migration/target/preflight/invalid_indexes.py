"""Invalid indexes, left by an interrupted concurrent build: each write maintains them, and no query uses them."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.server_state import INVALID_INDEXES
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "invalid-indexes"
TITLE = "no index is invalid"
REMEDY = "read pg_index as the role that migrates"
_LEFTOVER = ("_ccnew", "_ccold")  # ends of the names that REINDEX CONCURRENTLY gives


def check(subject: Subject) -> Iterator[Finding]:
    """Report each invalid index; one that an earlier attempt of a step has left stops nothing."""
    for (name,) in subject.rows(INVALID_INDEXES):
        if revision := subject.leftovers.get(name):
            message = f"{name} is invalid: an earlier attempt of {revision} has left it, and the deployment drops it"
            yield Finding(CODE, Outcome.WARNING, message)
            continue
        is_leftover = str(name).rstrip('"0123456789').endswith(_LEFTOVER)
        remedy = f"DROP INDEX CONCURRENTLY {name}" if is_leftover else f"REINDEX INDEX CONCURRENTLY {name}"
        yield Finding(CODE, Outcome.FAILED, f"{name} is invalid", remedy)
