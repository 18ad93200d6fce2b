"""Explains why a database is read-only: it is a standby, or a setting makes it so."""

from collections.abc import Callable
from typing import Any

from adapter.outbound.postgres.errors import DatabaseError

READ_ONLY = "25006"  # SQLSTATE: read_only_sql_transaction

_QUERY = """
SELECT pg_catalog.pg_is_in_recovery(), setting = 'on', source, pg_catalog.quote_ident(current_user),
       pg_catalog.quote_ident(current_database())
  FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'
"""
# The remedy by the source of the setting (manual, "pg_settings").
_MEND = {
    "database": "ALTER DATABASE {database} RESET default_transaction_read_only;",
    "user": "ALTER ROLE {role} RESET default_transaction_read_only;",
    "database user": "ALTER ROLE {role} IN DATABASE {database} RESET default_transaction_read_only;",
    "global": "ALTER ROLE ALL RESET default_transaction_read_only;",
    "configuration file": "ALTER SYSTEM SET default_transaction_read_only = off; SELECT pg_reload_conf();",
    "client": "leave default_transaction_read_only out of the URL's options, and out of PGOPTIONS.",
}


def describe_read_only(rows: Callable[[str], list[Any]], where: str, message: str) -> DatabaseError:
    """Return an error that explains why a statement was refused with `READ_ONLY`.

    Args:
        rows: Runs a query over a connection like the refused one, and returns its rows.
        where: The address of the database without a password, behind " at "; empty if it is not known.
        message: The server's message.
    """
    try:
        ((standby, by_setting, source, role, database),) = rows(_QUERY)
    except Exception:  # noqa: BLE001 - the refusal is reported in any case
        standby, by_setting, source, role, database = False, False, "", "", ""
    if standby:
        return DatabaseError(
            f"The server{where} is a standby, which only reads ({message}).",
            "Use the URL of the primary; a URL with several hosts finds it with target_session_attrs=read-write.",
        )
    if by_setting:
        mend = _MEND.get(source, "SET default_transaction_read_only = off;").format(role=role, database=database)
        return DatabaseError(
            f"A setting makes transactions{where} read only: default_transaction_read_only is on, by {source} "
            f"({message}).",
            f"Use a role that may write, or: {mend}",
        )
    return DatabaseError(
        f"The transaction{where} was begun as read only ({message}).",
        "Find what set that: a connection that was handed over, or SET TRANSACTION READ ONLY in the revision.",
    )
