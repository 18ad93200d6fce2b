"""Finds tables, views and functions whose name without a schema means another one since a change.

Code that names no schema gets the first object of that name on its search_path. A new object in an earlier schema, or
another search_path, gives it another one, and no statement fails.

Source: the Postgres manual, section "The Schema Search Path".
"""

from collections.abc import Mapping
from typing import Any

import psycopg

from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.compatibility import Shadowed

# What is visible by its name alone, of the relations and functions that exist, and what is found in its place.
_NAMES = f"""
SELECT c.oid::int8, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END,
       pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_table_is_visible(c.oid),
       CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid)
            THEN (SELECT pg_catalog.format('%I.%I', m.nspname, r.relname)
                    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
                   WHERE r.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(c.relname))) END
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S') AND {IN_USER_SCHEMA} AND {NOT_VERSION_TABLE}
UNION ALL
SELECT p.oid::int8, 'function', pg_catalog.format('%I.%I(%s)', n.nspname, p.proname,
           pg_catalog.pg_get_function_identity_arguments(p.oid)), pg_catalog.pg_function_is_visible(p.oid),
       CASE WHEN NOT pg_catalog.pg_function_is_visible(p.oid)
            THEN (SELECT pg_catalog.format('%I.%I(%s)', m.nspname, f.proname,
                             pg_catalog.pg_get_function_identity_arguments(f.oid))
                    FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace m ON m.oid = f.pronamespace
                   WHERE f.proname = p.proname AND f.proargtypes = p.proargtypes
                     AND pg_catalog.pg_function_is_visible(f.oid)) END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE {IN_USER_SCHEMA}
"""  # noqa: S608 - a constant


def visible_names(connection: psycopg.Connection[Any]) -> Mapping[int, str]:
    """Return the names of the relations and functions that a new session finds without their schema, by OID."""
    rows = connection.execute(_NAMES.encode()).fetchall()
    return {oid: name for oid, _, name, is_visible, _ in rows if is_visible}


def shadowed_since(connection: psycopg.Connection[Any], visible: Mapping[int, str]) -> tuple[Shadowed, ...]:
    """Return the objects that kept their name and schema, and are not what their name means to a new session now.

    Args:
        connection: A new session in the database, behind the change.
        visible: What was visible before it.
    """
    rows = connection.execute(_NAMES.encode()).fetchall()
    return tuple(
        Shadowed(kind, name, other or "")
        for oid, kind, name, is_visible, other in rows
        if not is_visible and visible.get(oid) == name
    )
