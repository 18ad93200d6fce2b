"""A connection pooler in transaction mode, behind which neither the advisory lock nor settings of the session last."""

from collections.abc import Iterator

from adapter.outbound.migration.target.poolers import PROCESS, refuse_transaction_pooler
from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "transaction-pooler"
TITLE = "no pooler in transaction mode is in between"
REMEDY = "name the server itself in --url or DATABASE_URL"


def check(subject: Subject) -> Iterator[Finding]:
    """Report a pooler that does not keep one session for a client."""
    if int(subject.value(PROCESS)) == subject.connection.info.backend_pid:
        return
    try:
        refuse_transaction_pooler(subject.url)
    except DatabaseConfigurationError as error:
        yield Finding(CODE, Outcome.FAILED, error.message.removesuffix(" Nothing was run.").rstrip("."), error.hint)
