"""Runs the statements of one release's code on the schema of another.

For each table and view, the statements that its columns permit are generated from the catalog: a SELECT with explicit
columns, an INSERT with all columns and one with only the required columns, an INSERT with ON CONFLICT for each unique
key, an UPDATE of each column, and a DELETE. Their values come from an existing row; ON CONFLICT is only planned, which
finds its key. A statement that fails on its own schema is dropped. Each statement is prepared in a session that stays
open while the schema changes, and prepared again afterwards (manual, PREPARE: a plan whose result type has changed is
refused). All statements run in transactions that are rolled back.
"""

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self

import psycopg
from psycopg import sql

from adapter.outbound.migration.catalog.foreign_tables import restrict, take_handlers
from adapter.outbound.migration.traffic.made_statements import (
    Relation,
    changes,
    equal,
    inserts,
    key_of,
    listed,
    read_relations,
    statement_of,
    upserts,
)
from adapter.outbound.migration.traffic.unmoved_sequences import unmoved_sequences
from adapter.outbound.postgres import direct
from domain.migration.compatibility import (
    REFERENCES,
    ApplicationStatement,
    BrokenStatement,
    Compatibility,
    breaks,
)

_OF_VALUES = frozenset({"22", "23", "P0"})  # classes of SQLSTATE: data, integrity, raised by a trigger
# All statements run in one round trip, because there are hundreds of them and each runs three times. An INSERT uses the
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
    columns jsonb;
    relation text;
    is_there boolean;
    counted oid;
    writes bigint;
    errors jsonb := '[]';
BEGIN
    FOR job IN
        SELECT (value ->> 'number')::int AS number, value ->> 'prepare' AS prepare, value ->> 'room' AS room,
               value ->> 'execute' AS run, value ->> 'row' AS row_exists, value ->> 'table' AS written
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
            EXECUTE job.run;
            IF writes = pg_catalog.pg_stat_get_xact_tuples_inserted(counted)
                + pg_catalog.pg_stat_get_xact_tuples_updated(counted)
                + pg_catalog.pg_stat_get_xact_tuples_deleted(counted)
            THEN
                RAISE EXCEPTION USING ERRCODE = 'HX001', MESSAGE = 'a rule or a trigger keeps it from writing the row';
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'HX000';
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, in_schema = SCHEMA_NAME,
                in_table = TABLE_NAME, by_constraint = CONSTRAINT_NAME;
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
                    job.number, state, message, coalesce(columns, '[]'), by_constraint, coalesce(relation, '')));
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
_DUPLICATE = "23505"
_WRITES_NOTHING = "HX001"
_ANEW = -1  # number in the name of a statement that is prepared for a single run
_SAMPLE = 200  # rows from which the one with the fewest NULLs is chosen
_AT_ONCE = 50  # tables from which rows are read in one statement

# Foreign keys that permit the deletion of a parent: ON DELETE CASCADE, SET NULL or SET DEFAULT.
_FOREIGN_KEYS = """
SELECT format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text)
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
 WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') GROUP BY k.oid, n.nspname, c.relname
"""


class _Error(NamedTuple):
    sqlstate: str
    message: str
    columns: tuple[str, ...]  # columns of the constraint that refused the statement; empty without one
    constraint: str
    relation: str  # the table that refused the statement; for a partition, its root table


class ApplicationStatements:
    """Statements that run on the current schema of a database, to be run again after the schema has changed.

    Attributes:
        statements: The statements that run on the current schema.
        untried: The reason why a table has only a SELECT, by table.
    """

    def __init__(self, url: str, recorded: Iterable[ApplicationStatement] = (), *, each_column: bool = True) -> None:
        """Generate the statements, run them once, and prepare those that succeed.

        Args:
            url: URL of the database, before its schema changes.
            recorded: Statements recorded from an application.
            each_column: Whether to generate an UPDATE for each column; otherwise one UPDATE sets all columns, which is
                faster but less specific.
        """
        self._url = url
        self._each_column = each_column
        self._connection = _connect(url)
        self._deletions: dict[ApplicationStatement, str] = {}
        self._calls: dict[ApplicationStatement, str] = {}
        self._inserted_columns: dict[ApplicationStatement, Sequence[str]] = {}
        self.untried: dict[str, str] = {}
        self._only_planned: set[ApplicationStatement] = set()
        self._upserts: set[ApplicationStatement] = set()
        # A query for each statement whose writes are counted: whether there is the row that it writes.
        self._counted: dict[ApplicationStatement, str] = {}
        foreign_keys = self._connection.execute(_FOREIGN_KEYS).fetchall()
        self._foreign_keys = {(str(table), frozenset(columns)) for table, columns in foreign_keys}
        self.statements = self._runnable([*self._generated_statements(), *recorded])
        if self.statements:
            prepared = (_prepare(number, statement) for number, statement in enumerate(self.statements))
            self._connection.execute(";".join(prepared).encode())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session."""
        self._connection.close()

    def try_again(self) -> Compatibility:
        """Run the statements on the changed schema, both newly prepared and as prepared before the change."""
        with _connect(self._url) as fresh, unmoved_sequences(fresh):
            current_errors = self._run(fresh, self.statements)
            # A restarted sequence first draws the key of the deleted row, then that of an existing row.
            second_errors = self._run(fresh, self.statements, only=self._inserted_columns)
        prepared_errors = self._errors(self._connection, self.statements, prepared=True)
        default_errors = {
            number: error
            for number, error in second_errors.items()
            if error.sqlstate == _DUPLICATE and self._refuses_defaults(number, error)
        }
        current_errors = {**default_errors, **current_errors}
        broken = [self._broken_statement(number, error) for number, error in current_errors.items()]
        broken += [
            self._broken_statement(number, error, when_prepared=True)
            for number, error in prepared_errors.items()
            if number not in current_errors
        ]
        return self._compatibility(broken)

    def try_on(self, url: str) -> Compatibility:
        """Run the statements on another database, such as those of the next release on the current schema."""
        with _connect(url) as connection:
            errors = self._errors(connection, self.statements)
        return self._compatibility(self._broken_statement(number, error) for number, error in errors.items())

    def _compatibility(self, broken: Iterable[BrokenStatement | None]) -> Compatibility:
        inserted = frozenset(statement.table for statement in self.statements if statement in self._inserted_columns)
        return Compatibility(len(self.statements), tuple(filter(None, broken)), self.untried, inserted)

    def _broken_statement(self, number: int, error: _Error, *, when_prepared: bool = False) -> BrokenStatement | None:
        statement = self.statements[number]
        broken_statement = BrokenStatement(statement, error.message, error.sqlstate, when_prepared, error.relation)
        refused_by_constraint = self._refuses_defaults(number, error) or self._refuses_deletion(number, error)
        return broken_statement if breaks(broken_statement, error.constraint) or refused_by_constraint else None

    def _refuses_deletion(self, number: int, error: _Error) -> bool:
        """Return whether a DELETE fails now because an existing foreign key no longer permits it."""
        is_known = (error.relation, frozenset(error.columns)) in self._foreign_keys
        return is_known and error.sqlstate in REFERENCES and self.statements[number].sql.startswith("DELETE")

    def _refuses_defaults(self, number: int, error: _Error) -> bool:
        """Return whether an INSERT fails on a constraint whose columns the INSERT does not set.

        Then a sequence has drawn an existing key, or a default violates a new constraint.
        """
        columns = self._inserted_columns.get(self.statements[number])
        return columns is not None and bool(error.columns) and not {*error.columns} & {*columns}

    def _generated_statements(self) -> Iterator[ApplicationStatement]:
        relations = list(read_relations(self._connection))
        rows = self._rows([relation for relation in relations if relation.is_table and relation.columns])
        for relation in relations:
            yield from self._statements_on(relation, rows.get(relation.table))

    def _statements_on(self, relation: Relation, row: dict[str, str | None] | None) -> Iterator[ApplicationStatement]:
        if not relation.columns:
            return
        names = [column["name"] for column in relation.columns]
        yield statement_of(relation, sql.SQL("SELECT {} FROM {} LIMIT 1").format(listed(names), relation.identifier))
        if not relation.is_table:
            return
        if row is None:
            self.untried[relation.table] = "it has no row to take values from"
            return
        key = key_of(relation, row)
        deletion = sql.SQL("DELETE FROM {} WHERE {}").format(
            relation.identifier, equal({column: row[column] for column in key})
        )
        deletion_sql = deletion.as_string()
        for statement, columns in inserts(relation, row):
            self._deletions[statement] = deletion_sql
            self._inserted_columns[statement] = columns
            self._count(statement, relation, "SELECT true")
            yield statement
        row_exists = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {})").format(
            relation.identifier, equal({column: row[column] for column in key})
        )
        for statement in changes(relation, row, key, each_column=self._each_column):
            self._count(statement, relation, row_exists.as_string())
            yield statement
        relation_upserts = list(upserts(relation))
        self._upserts.update(relation_upserts)
        yield from relation_upserts

    def _rows(self, relations: Sequence[Relation]) -> dict[str, dict[str, str | None]]:
        """Return a row of each table that has one, as text, by table; many tables are read in one statement.

        Where a statement fails, as one of its tables cannot be read, each half of its tables gets one of its own.
        """
        if len(relations) <= _AT_ONCE:
            with suppress(psycopg.Error):
                queries = sql.SQL(" UNION ALL ").join(_row_query(*pair) for pair in enumerate(relations))
                read = self._connection.execute(queries).fetchall() if relations else []
                return {relations[place].table: _named(relations[place], values) for place, values in read}
        half = len(relations) // 2
        return self._rows(relations[:half]) | self._rows(relations[half:]) if half else {}

    def _count(self, statement: ApplicationStatement, relation: Relation, row_exists: str) -> None:
        """Count the rows that a statement writes, where the table itself has them."""
        if not relation.is_partitioned:
            self._counted[statement] = row_exists

    def _runnable(self, candidates: list[ApplicationStatement]) -> list[ApplicationStatement]:
        """Return the statements that run; a recorded one whose values do not fit the rows here only has to plan."""
        errors = self._errors(self._connection, candidates)
        for number in [number for number, error in errors.items() if error.sqlstate == _WRITES_NOTHING]:
            del errors[number], self._counted[candidates[number]]  # it wrote nothing before
        self._only_planned = {
            candidates[number]
            for number, error in errors.items()
            if candidates[number].recorded and error.sqlstate[:2] in _OF_VALUES
        }
        runnable = [
            statement
            for number, statement in enumerate(candidates)
            if number not in errors or statement in self._only_planned
        ]
        if self._only_planned:
            errors = self._errors(self._connection, runnable)
            return [statement for number, statement in enumerate(runnable) if number not in errors]
        return runnable

    def _errors(
        self, connection: psycopg.Connection[Any], statements: Sequence[ApplicationStatement], *, prepared: bool = False
    ) -> dict[int, _Error]:
        """Run statements without lasting effects: rows are rolled back and sequences are restored."""
        with unmoved_sequences(connection):
            return self._run(connection, statements, prepared=prepared)

    def _run(
        self,
        connection: psycopg.Connection[Any],
        statements: Sequence[ApplicationStatement],
        *,
        prepared: bool = False,
        only: Container[ApplicationStatement] | None = None,
    ) -> dict[int, _Error]:
        """Run statements, each rolled back, and return the errors of those that fail, by statement number."""
        jobs = [
            {"number": number, **self._job(number, statement, prepared=prepared)}
            for number, statement in enumerate(statements)
            if only is None or statement in only
        ]
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
            number: _Error(state, message, tuple(columns), *details)
            for number, state, message, columns, *details in errors
        }

    def _job(self, number: int, statement: ApplicationStatement, *, prepared: bool) -> dict[str, str | None]:
        name = f"hexalembic_{number if prepared else _ANEW}"
        if statement not in self._calls:
            self._calls[statement] = _arguments(statement.parameters)
        execute = f'EXECUTE "{name}"{self._calls[statement]}'
        if statement in self._only_planned or statement in self._upserts:
            execute = f'EXPLAIN EXECUTE "{name}"{_arguments([None] * len(statement.parameters))}'
        return {
            "prepare": None if prepared else _prepare(_ANEW, statement),
            "room": self._deletions.get(statement),
            "execute": execute,
            "row": self._counted.get(statement),
            "table": statement.table,
        }


def _named(relation: Relation, values: Sequence[str | None]) -> dict[str, str | None]:
    return dict(zip((column["name"] for column in relation.columns), values, strict=True))


def _row_query(place: int, relation: Relation) -> sql.Composable:
    """Return a query for a row with few NULLs; from the newest partition, which usually gets the most writes."""
    names = [column["name"] for column in relation.columns]
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
    order = sql.SQL("ORDER BY tableoid DESC" if relation.is_partitioned else "")
    form = sql.SQL(
        "(SELECT {}, ARRAY[{}] FROM (SELECT * FROM {} {} LIMIT {}) AS t ORDER BY num_nonnulls({}) DESC LIMIT 1)"
    )
    return form.format(sql.Literal(place), texts, relation.identifier, order, _SAMPLE, listed(names))


def _arguments(values: Sequence[str | None]) -> str:
    """Return the argument list of an EXECUTE; empty where there are no values."""
    return f"({', '.join(sql.Literal(value).as_string() for value in values)})" if values else ""


def _connect(url: str) -> psycopg.Connection[Any]:
    connection = direct.connect(url, autocommit=True, prepare_threshold=None)
    restrict(connection)
    return connection


def _prepare(number: int, statement: ApplicationStatement) -> str:
    return f'PREPARE "hexalembic_{number}" AS {statement.sql}'
