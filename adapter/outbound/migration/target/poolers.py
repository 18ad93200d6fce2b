"""Refuses the way to a database that leads through a connection pooler in transaction mode."""

from adapter.outbound.postgres.url import DatabaseURL

PROCESS = "SELECT pg_catalog.pg_backend_pid()"
"""The server's process; a pooler announces another one when connecting."""


def refuse_transaction_pooler(url: DatabaseURL) -> None:
    """Refuse a database behind a pooler, unless the pooler keeps one session for a client.

    Raises:
        DatabaseConfigurationError: It does not.
    """
    # SQLAlchemy takes time to import, and is needed behind a pooler only.
    from adapter.outbound.postgres import pooler
    from adapter.outbound.postgres.engine import tooling_engine

    with tooling_engine(url).connect() as connection:
        process = int(connection.exec_driver_sql(PROCESS).scalar_one())
        pooler.refuse_transaction_pooler(connection, process, "--url or DATABASE_URL")
