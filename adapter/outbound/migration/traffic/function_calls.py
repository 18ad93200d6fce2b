"""Generates a call of each function of a schema, as code writes it: by places, by names, and without defaults."""

from collections.abc import Iterator
from typing import Any

import psycopg

from adapter.outbound.migration.traffic.statement_runs import Candidate
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.compatibility import ApplicationStatement

# Without triggers and what else takes or returns no type of its own, and without those of extensions.
_FUNCTIONS = f"""
SELECT pg_catalog.format('%I.%I', n.nspname, p.proname), p.pronargdefaults,
       ARRAY(SELECT pg_catalog.format_type(t.oid, NULL)
               FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (type, place)
               JOIN pg_catalog.pg_type t ON t.oid = u.type ORDER BY u.place),
       ARRAY(SELECT pg_catalog.quote_ident(u.name)
               FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS u (name, mode, place)
              WHERE u.name <> '' AND coalesce(u.mode, 'i') IN ('i', 'b') ORDER BY u.place)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prokind = 'f' AND p.provariadic = 0 AND {IN_USER_SCHEMA}
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t
                    WHERE t.oid = ANY (p.proargtypes::oid[] || p.prorettype) AND t.typtype = 'p'
                      AND t.oid NOT IN ('void'::pg_catalog.regtype, 'record'::pg_catalog.regtype))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')
 ORDER BY 1, p.oid
"""  # noqa: S608 - a constant


def function_calls(connection: psycopg.Connection[Any]) -> Iterator[Candidate]:
    """Return the calls of each function; they are only planned, because a function may do anything."""
    for function, defaults, types, names in connection.execute(_FUNCTIONS.encode()).fetchall():
        values = [f"${number}::{kind}" for number, kind in enumerate(types, 1)]
        calls = [values, values[: len(values) - defaults]]
        if names and len(names) == len(values):
            calls.append([f"{name} => {value}" for name, value in zip(names, values, strict=True)])
        for text in dict.fromkeys(f"SELECT {function}({', '.join(call)})" for call in calls):
            yield Candidate(ApplicationStatement(text, "", (None,) * text.count("$")), is_planned=True)
