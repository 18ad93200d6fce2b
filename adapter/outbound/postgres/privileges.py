"""Says which privilege a role lacks, and the GRANT for exactly that; the server itself is asked what the role may."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from adapter.outbound.postgres.errors import DatabaseError

NO_PRIVILEGE = "42501"  # SQLSTATE: insufficient_privilege
NO_SCHEMA = "3F000"  # SQLSTATE: invalid_schema_name
READS = ("SELECT",)
WRITES = ("SELECT", "INSERT", "UPDATE", "DELETE")

Rows: TypeAlias = Callable[[str], Sequence[Any]]

_OF_TABLES = (*WRITES, "TRUNCATE", "REFERENCES", "TRIGGER")
_OF_COLUMNS = {"SELECT", "INSERT", "UPDATE", "REFERENCES"}  # these may be granted on some columns only
_OF_SCHEMAS = ("USAGE", "CREATE")
# The schemas of the search path, with those that the role may not use: the server leaves them out of its own list.
_ON_PATH = """
ANY (SELECT CASE entry WHEN '$user' THEN current_user::text ELSE entry END FROM (
     SELECT pg_catalog.btrim(part, ' "') FROM
     pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.current_setting('search_path'), ',')) AS part
     ) AS parts (entry))
"""
_TABLE = """
SELECT pg_catalog.quote_ident(current_user), current_database()::text, n.nspname::text, c.relname::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'), {privileges}
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = {table} AND n.nspname = {schema}
"""
_SCHEMA = """
SELECT pg_catalog.quote_ident(current_user), current_database()::text, n.nspname::text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE'), pg_catalog.has_schema_privilege(n.oid, 'CREATE')
  FROM pg_catalog.pg_namespace n WHERE n.nspname = {schema}
"""
# What the server names, in its own language's English; in another language, only its message is repeated.
_NAMED = re.compile(r'permission denied for (table|relation|view|materialized view|schema) "?(.+?)"?$')


@dataclass(frozen=True)
class Missing:
    """What a role may not do with a table or a schema.

    Attributes:
        role: The role, quoted.
        name: The table or schema, quoted.
        database: Where it is.
        grants: The statements that mend it.
    """

    role: str
    name: str
    database: str
    grants: tuple[str, ...]


def missing_on_table(
    rows: Rows, table: str, schema: str | None = None, wanted: Collection[str] = READS
) -> Missing | None:
    """Return what the current role lacks of a table; None where it lacks nothing, or there is no such table.

    Args:
        rows: Asks the database, as the role.
        table: The table's name.
        schema: Its schema; None for those of the search path.
        wanted: The privileges that are looked for, besides the use of the schema.
    """
    wanted = [name for name in _OF_TABLES if name in wanted]
    query = _TABLE.format(
        privileges=", ".join(
            f"pg_catalog.has_{'any_column' if name in _OF_COLUMNS else 'table'}_privilege(c.oid, '{name}')"
            for name in wanted
        ),
        table=_literal(table),
        schema=_ON_PATH if schema is None else _literal(schema),
    )
    for role, database, schema_name, table_name, may_enter, *has in rows(query):
        name = f"{_quoted(schema_name)}.{_quoted(table_name)}"
        lacking = ", ".join(privilege for privilege, granted in zip(wanted, has, strict=True) if not granted)
        grants = [] if may_enter else [f"GRANT USAGE ON SCHEMA {_quoted(schema_name)} TO {role};"]
        grants += [f"GRANT {lacking} ON {name} TO {role};"] if lacking else []
        if grants:
            return Missing(role, name, database, tuple(grants))
    return None


def _missing_on_schema(rows: Rows, schema: str | None, wanted: Collection[str]) -> Missing | None:
    query = _SCHEMA.format(schema=_ON_PATH if schema is None else _literal(schema))
    for role, database, name, *has in rows(query):
        lacking = ", ".join(
            privilege
            for privilege, granted in zip(_OF_SCHEMAS, has, strict=True)
            if privilege in wanted and not granted
        )
        if lacking:
            return Missing(role, _quoted(name), database, (f"GRANT {lacking} ON SCHEMA {_quoted(name)} TO {role};",))
    return None


def refuse_unreadable(rows: Rows, table: str, schema: str | None, where: str, *, writes: bool = False) -> None:
    """Raise an error where the current role may not read a version table that is there.

    Without the use of its schema a role does not see that there is one, and would take the database for an empty one.

    Args:
        rows: Asks the database, as the role.
        table: The table's name.
        schema: Its schema; None for those of the search path.
        where: The database, in a sentence; empty for its name.
        writes: Whether the table will be written as well: the statements then are for that, too.

    Raises:
        DatabaseError: The role lacks a privilege for reading it.
    """
    missing = missing_on_table(rows, table, schema)
    if missing is None:
        return
    grants = (missing_on_table(rows, table, schema, WRITES) or missing).grants if writes else missing.grants
    raise DatabaseError(
        f"Role {missing.role} may not read {missing.name}, where {where or f'database {missing.database}'} keeps which "
        "revisions it has.",
        f"Its owner runs there: {' '.join(grants)}",
    )


def describe_lacking(rows: Rows, message: str, statement: str, *, reads: bool) -> DatabaseError:
    """Describe why a statement was refused with `NO_PRIVILEGE`.

    Args:
        rows: Asks the database, over a connection as the refused one was.
        message: What the server said.
        statement: What was refused; empty where nobody knows.
        reads: Whether the command only reads.
    """
    lacks = "This role may not read something" if reads else "This role lacks a privilege"
    refusal = f"{lacks} ({message})."
    try:
        missing = _missing(rows, message, statement, reads=reads)
    except Exception:  # noqa: BLE001 - the refusal is told in any case
        missing = None
    if missing is not None:
        return DatabaseError(refusal, f"Its owner runs, in database {missing.database}: {' '.join(missing.grants)}")
    return DatabaseError(refusal, "Run as the owner of what is named, or let the owner grant this role what it lacks.")


def describe_closed_schemas(rows: Rows, message: str) -> DatabaseError | None:
    """Describe why a statement found no schema (`NO_SCHEMA`): the role may not use those of its search path.

    Returns:
        None where it may, or where there is none.
    """
    try:
        closed = _missing_on_schema(rows, None, ("USAGE",)) is not None
        missing = _missing_on_schema(rows, None, _OF_SCHEMAS) if closed else None
    except Exception:  # noqa: BLE001 - the refusal is told in any case
        missing = None
    if missing is None:
        return None
    return DatabaseError(
        f"Role {missing.role} may not use schema {missing.name} ({message}).",
        f"Its owner runs, in database {missing.database}: {' '.join(missing.grants)}",
    )


def _missing(rows: Rows, message: str, statement: str, *, reads: bool) -> Missing | None:
    named = _NAMED.search(message)
    if named is None:
        return None
    if named[1] == "schema":
        return _missing_on_schema(rows, named[2], ("USAGE",) if reads else _OF_SCHEMAS)
    # a foreign key needs REFERENCES, a trigger TRIGGER: the words of the statements are those of the privileges
    words = [name for name in _OF_TABLES if re.search(rf"\b{name}\b", statement, re.IGNORECASE)]
    return (missing_on_table(rows, named[2], wanted=words) if words and not reads else None) or missing_on_table(
        rows, named[2], wanted=READS if reads else WRITES
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
