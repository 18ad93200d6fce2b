"""Runs statements of an application in one round trip, each in a transaction that is rolled back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from adapter.outbound.migration.catalog.foreign_tables import take_handlers
from domain.migration.compatibility import ApplicationStatement

WRITES_NOTHING = "HX001"  # SQLSTATE of a statement that a rule or a trigger keeps from writing its row
_ANEW = -1  # number in the name of a statement that is prepared for a single run
# One round trip, because there are hundreds of statements and each runs up to three times. An INSERT uses the
# values of an existing row, so that row is deleted first, regardless of foreign keys that refer to it.
_RUN = """
DO $$
DECLARE
    job record;
    state text;
    message text;
    in_schema text;
    in_table text;
    by_constraint text;
    in_column text;
    columns jsonb;
    relation text;
    is_there boolean;
    counted oid;
    writes bigint;
    errors jsonb := '[]';
BEGIN
    FOR job IN
        SELECT (value ->> 'number')::int AS number, value ->> 'prepare' AS prepare, value ->> 'room' AS room,
               value ->> 'execute' AS run, value ->> 'row' AS row_exists, value ->> 'table' AS written,
               value ->> 'role' AS role
        FROM jsonb_array_elements(current_setting('hexalembic.jobs')::jsonb) WITH ORDINALITY AS j (value, place)
        ORDER BY place
    LOOP
        BEGIN
            IF job.room IS NOT NULL THEN
                BEGIN
                    SET LOCAL session_replication_role = replica;
                    EXECUTE job.room;
                    SET LOCAL session_replication_role = origin;
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END IF;
            IF job.prepare IS NOT NULL THEN
                EXECUTE job.prepare;
            END IF;
            counted := NULL;
            IF job.row_exists IS NOT NULL THEN
                BEGIN
                    EXECUTE job.row_exists INTO is_there;
                    SELECT c.oid INTO counted FROM pg_catalog.pg_class c
                     WHERE is_there AND c.oid = pg_catalog.to_regclass(job.written) AND c.relkind = 'r';
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END IF;
            writes := pg_catalog.pg_stat_get_xact_tuples_inserted(counted)
                + pg_catalog.pg_stat_get_xact_tuples_updated(counted)
                + pg_catalog.pg_stat_get_xact_tuples_deleted(counted);
            IF job.role IS NOT NULL THEN
                EXECUTE format('SET LOCAL ROLE %I', job.role);  -- until the statement is rolled back
            END IF;
            EXECUTE job.run;
            SET CONSTRAINTS ALL IMMEDIATE;  -- as at a COMMIT, which never comes
            IF writes = pg_catalog.pg_stat_get_xact_tuples_inserted(counted)
                + pg_catalog.pg_stat_get_xact_tuples_updated(counted)
                + pg_catalog.pg_stat_get_xact_tuples_deleted(counted)
            THEN
                RAISE EXCEPTION USING ERRCODE = 'HX001', MESSAGE = 'a rule or a trigger keeps it from writing the row';
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'HX000';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, in_schema = SCHEMA_NAME,
                in_table = TABLE_NAME, by_constraint = CONSTRAINT_NAME, in_column = COLUMN_NAME;
            IF state <> 'HX000' THEN
                SELECT jsonb_agg(a.attname) INTO columns
                  FROM (SELECT conrelid, conkey FROM pg_catalog.pg_constraint WHERE conname = by_constraint
                        UNION ALL
                        SELECT i.indrelid, i.indkey::int2[]
                          FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
                         WHERE c.relname = by_constraint AND 0 <> ALL (i.indkey::int2[])) k (relation, numbers)
                  JOIN pg_catalog.pg_class c ON c.oid = k.relation AND c.relname = in_table
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = in_schema
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.numbers);
                SELECT format('%I.%I', n.nspname, c.relname) INTO relation
                  FROM pg_catalog.pg_class p JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
                  JOIN pg_catalog.pg_class c ON c.oid = coalesce(pg_catalog.pg_partition_root(p.oid), p.oid)
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE p.relname = in_table AND pn.nspname = in_schema;
                errors := errors || jsonb_build_array(jsonb_build_array(
                    job.number, state, message, coalesce(columns, '[]'), by_constraint, coalesce(relation, ''),
                    in_column));
            END IF;
        END;
        IF job.prepare IS NOT NULL THEN
            BEGIN
                DEALLOCATE "hexalembic_-1";
            EXCEPTION WHEN OTHERS THEN NULL;  -- it could not be prepared at all
            END;
        END IF;
    END LOOP;
    PERFORM set_config('hexalembic.errors', errors::text, true);
END $$
"""


class Refusal(NamedTuple):
    """The error of a statement.

    Attributes:
        sqlstate: Its SQLSTATE.
        message: Its message.
        columns: The columns of the constraint that refused the statement; empty without one.
        constraint: The constraint that refused it; empty without one.
        relation: The table that refused it; for a partition, its root table.
        column: The column that refused a NULL, without quotes; empty without one.
    """

    sqlstate: str
    message: str
    columns: tuple[str, ...]
    constraint: str
    relation: str
    column: str


@dataclass(frozen=True)
class Candidate:
    """A statement, and how it is run.

    Attributes:
        statement: The statement.
        deletion: A DELETE that makes room for the row that it inserts; empty for none.
        columns: The columns that an INSERT sets; None for another statement.
        row_exists: A query for whether there is the row that it writes; empty where its writes are not counted.
        is_planned: Whether it is only planned, with NULL for all of its values.
    """

    statement: ApplicationStatement
    deletion: str = ""
    columns: tuple[str, ...] | None = None
    row_exists: str = ""
    is_planned: bool = False


def prepare(connection: psycopg.Connection[Any], candidates: Sequence[Candidate]) -> None:
    """Prepare statements in a session, to be run there later by their numbers."""
    if candidates:
        connection.execute(";".join(_prepare(*pair) for pair in enumerate(candidates)).encode())


def run(
    connection: psycopg.Connection[Any], candidates: Mapping[int, Candidate], *, prepared: bool = False
) -> dict[int, Refusal]:
    """Run statements without lasting effects on rows, and return the errors of those that fail, by number.

    Args:
        connection: A connection in autocommit mode.
        candidates: The statements, by number.
        prepared: Whether the session has prepared them under these numbers; otherwise each is prepared anew.
    """
    jobs = [_job(number, candidate, prepared=prepared) for number, candidate in candidates.items()]
    if not jobs:
        return {}
    try:
        with connection.transaction(force_rollback=True):
            take_handlers(connection)
            connection.execute("SELECT set_config('hexalembic.jobs', %s, true)", (json.dumps(jobs),))
            connection.execute(_RUN)
            row = connection.execute("SELECT current_setting('hexalembic.errors')").fetchone()
    except psycopg.OperationalError:  # the revision has terminated all sessions, including this one
        return {}
    errors = json.loads(row[0] if row else "[]")
    return {
        number: Refusal(state, message, tuple(columns), *details)
        for number, state, message, columns, *details in errors
    }


def _job(number: int, candidate: Candidate, *, prepared: bool) -> dict[str, object]:
    parameters = candidate.statement.parameters
    execute = f'EXECUTE "hexalembic_{number if prepared else _ANEW}"'
    return {
        "number": number,
        "prepare": None if prepared else _prepare(_ANEW, candidate),
        "room": candidate.deletion or None,
        "execute": f"EXPLAIN {execute}{_arguments([None] * len(parameters))}"
        if candidate.is_planned
        else execute + _arguments(parameters),
        "row": candidate.row_exists or None,
        "table": candidate.statement.table,
        "role": candidate.statement.role or None,
    }


def _arguments(values: Sequence[str | None]) -> str:
    """Return the argument list of an EXECUTE; empty where there are no values."""
    return f"({', '.join(sql.Literal(value).as_string() for value in values)})" if values else ""


def _prepare(number: int, candidate: Candidate) -> str:
    return f'PREPARE "hexalembic_{number}" AS {candidate.statement.sql}'
