"""The database that the user has confirmed by its host and name, as one does before changing one in production."""

import psycopg

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.url import DatabaseURL


def require_confirmed(url: DatabaseURL, confirmed: str) -> None:
    """Refuse a database that is not the confirmed one.

    Args:
        url: The database; it is only read.
        confirmed: Its host and name, such as `db.example.com/shop`. A port may follow the host. Several hosts are
            written as in the URL, a socket by its folder.

    Raises:
        DatabaseConfigurationError: It is another one.
        psycopg.Error: The database cannot be reached.
    """
    host, slash, name = confirmed.rpartition("/")
    if not (host and slash and name):
        raise DatabaseConfigurationError(
            "--production names no host and database", "write for example --production db.example.com/shop"
        )
    with psycopg.connect(url.libpq, client_encoding="utf8", prepare_threshold=None) as connection:
        connection.read_only = True
        row = connection.execute("SELECT pg_catalog.current_database()::text").fetchone()
        actual_host, port = _host(url, connection), connection.info.port
    actual_name = row[0] if row else ""
    if host.casefold() not in {actual_host.casefold(), f"{actual_host}:{port}".casefold()} or name != actual_name:
        raise DatabaseConfigurationError(
            f"this is the database {actual_name} at {actual_host}, and --production names another one",
            "correct --url or DATABASE_URL, or --production; nothing was written",
        )


def _host(url: DatabaseURL, connection: "psycopg.Connection[tuple[str]]") -> str:
    """Return where the sessions of a URL are opened: an address in it counts more than the name beside it."""
    parameters = psycopg.conninfo.conninfo_to_dict(url.libpq)
    return str(parameters.get("hostaddr") or parameters.get("host") or connection.info.host)
