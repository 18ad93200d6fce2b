"""A connection pooler in transaction mode, behind which neither the advisory lock nor settings of the session last."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "transaction-pooler"
TITLE = "no pooler in transaction mode is in between"
REMEDY = "name the server itself in --url or DATABASE_URL"


def check(subject: Subject) -> Iterator[Finding]:
    """Report a pooler that does not keep one session for a client."""
    process = int(subject.value("SELECT pg_catalog.pg_backend_pid()"))
    if process == subject.connection.info.backend_pid:  # a pooler announces another one
        return
    # SQLAlchemy takes time to import, and is needed behind a pooler only.
    from adapter.outbound.postgres.engine import tooling_engine
    from adapter.outbound.postgres.pooler import refuse_transaction_pooler

    try:
        with tooling_engine(subject.url).connect() as connection:
            own = int(connection.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()").scalar_one())
            refuse_transaction_pooler(connection, own, "--url or DATABASE_URL")
    except DatabaseConfigurationError as error:
        yield Finding(CODE, Outcome.FAILED, error.message.removesuffix(" Nothing was run.").rstrip("."), error.hint)
