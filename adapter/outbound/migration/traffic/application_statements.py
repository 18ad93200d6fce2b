"""Runs the statements of one release's code on the schema of another.

For each table and view the statements that its columns permit are made from the catalog: a SELECT with explicit
columns, an INSERT with all columns and one with only those that must be given, an UPDATE of each column, a DELETE.
Their values are those of a row that is there. What does not run on the schema that it was made for is left out. Each
statement is prepared in a session that lives on while the schema changes, and prepared anew afterwards (manual,
PREPARE: a plan whose result type has changed is refused). Everything runs in transactions that are rolled back.
"""

import json
from collections.abc import Container, Iterable, Iterator, Sequence
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
)
from adapter.outbound.migration.traffic.unmoved_sequences import unmoved_sequences
from domain.migration.compatibility import (
    REFERENCES,
    ApplicationStatement,
    BrokenStatement,
    Compatibility,
    breaks,
)

_OF_VALUES = frozenset({"22", "23", "P0"})  # classes of SQLSTATE: data, integrity, raised by a trigger
# All in one trip to the server: there are hundreds of statements, and each is tried three times. A row whose values an
# INSERT is to give again is taken away first, whoever refers to it.
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
    errors jsonb := '[]';
BEGIN
    FOR job IN
        SELECT (value ->> 'number')::int AS number, value ->> 'prepare' AS prepare, value ->> 'room' AS room,
               value ->> 'execute' AS run
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
            EXECUTE job.run;
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
_ANEW = -1  # a statement that is prepared for this one time
_SAMPLE = 200  # rows among which the one with the fewest NULLs is taken

# Those that let a parent go: CASCADE, SET NULL, SET DEFAULT.
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
    columns: tuple[str, ...]  # of the constraint that refused it, where one did
    constraint: str
    relation: str  # the table that refused it, or the root of its partitions


class ApplicationStatements:
    """Statements that run on a database now, ready to be tried again after its schema has changed.

    Attributes:
        statements: Those that run.
        untried: Tables without any, with the reason.
    """

    def __init__(self, url: str, recorded: Iterable[ApplicationStatement] = (), *, each_column: bool = True) -> None:
        """Make them, try them, and prepare them.

        Args:
            url: The database, before its schema changes.
            recorded: Statements that an application was seen to send.
            each_column: Make an UPDATE for each column; else one for all, which is faster and says less.
        """
        self._url = url
        self._each_column = each_column
        self._connection = _connect(url)
        self._rooms: dict[ApplicationStatement, str] = {}
        self._calls: dict[ApplicationStatement, str] = {}
        self._given: dict[ApplicationStatement, Sequence[str]] = {}
        self.untried: dict[str, str] = {}
        self._planned: set[ApplicationStatement] = set()
        found = self._connection.execute(_FOREIGN_KEYS).fetchall()
        self._foreign_keys = {(str(table), frozenset(columns)) for table, columns in found}
        self.statements = self._running([*self._made(), *recorded])
        if self.statements:
            prepared = (_prepare(number, statement) for number, statement in enumerate(self.statements))
            self._connection.execute(";".join(prepared).encode())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the session."""
        self._connection.close()

    def try_again(self) -> Compatibility:
        """Run them on the schema as it is now, prepared before and prepared now."""
        with _connect(self._url) as fresh, unmoved_sequences(fresh):
            now = self._run(fresh, self.statements)
            # A sequence that starts again first draws the key of the row that was taken away, then one that is there.
            twice = self._run(fresh, self.statements, only=self._given)
        before = self._errors(self._connection, self.statements, prepared=True)
        again = {
            number: error
            for number, error in twice.items()
            if error.sqlstate == _DUPLICATE and self._refuses_defaults(number, error)
        }
        now = {**again, **now}
        broken = [self._broken(number, error) for number, error in now.items()]
        broken += [
            self._broken(number, error, when_prepared=True) for number, error in before.items() if number not in now
        ]
        return self._compatibility(broken)

    def try_on(self, url: str) -> Compatibility:
        """Run them on another database: the code that is to come on the schema of today."""
        with _connect(url) as other:
            errors = self._errors(other, self.statements)
        return self._compatibility(self._broken(number, error) for number, error in errors.items())

    def _compatibility(self, broken: Iterable[BrokenStatement | None]) -> Compatibility:
        inserted = frozenset(one.table for one in self.statements if one in self._given)
        return Compatibility(len(self.statements), tuple(filter(None, broken)), self.untried, inserted)

    def _broken(self, number: int, error: _Error, *, when_prepared: bool = False) -> BrokenStatement | None:
        statement = self.statements[number]
        found = BrokenStatement(statement, error.message, error.sqlstate, when_prepared, error.relation)
        other = self._refuses_defaults(number, error) or self._refuses_deletion(number, error)
        return found if breaks(found, error.constraint) or other else None

    def _refuses_deletion(self, number: int, error: _Error) -> bool:
        """Return whether a foreign key that was there before refuses a DELETE now: it does not cascade any more."""
        known = (error.relation, frozenset(error.columns)) in self._foreign_keys
        return known and error.sqlstate in REFERENCES and self.statements[number].sql.startswith("DELETE")

    def _refuses_defaults(self, number: int, error: _Error) -> bool:
        """Return whether a constraint refuses an INSERT for nothing that the INSERT gives.

        A sequence then draws a key that is there, or a default is not what a new constraint wants.
        """
        given = self._given.get(self.statements[number])
        return given is not None and bool(error.columns) and not {*error.columns} & {*given}

    def _made(self) -> Iterator[ApplicationStatement]:
        for relation in read_relations(self._connection):
            yield from self._of_relation(relation)

    def _of_relation(self, relation: Relation) -> Iterator[ApplicationStatement]:
        if not relation.columns:
            return
        names = [column["name"] for column in relation.columns]
        yield statement_of(relation, sql.SQL("SELECT {} FROM {} LIMIT 1").format(listed(names), relation.identifier))
        if not relation.is_table:
            return
        row = self._row(relation, names)
        if row is None:
            self.untried[relation.table] = "it has no row to take values from"
            return
        key = key_of(relation, row)
        room = sql.SQL("DELETE FROM {} WHERE {}").format(relation.identifier, equal({one: row[one] for one in key}))
        room_text = room.as_string()
        for statement, given in inserts(relation, row):
            self._rooms[statement] = room_text
            self._given[statement] = given
            yield statement
        yield from changes(relation, row, key, each_column=self._each_column)

    def _row(self, relation: Relation, names: list[str]) -> dict[str, str | None] | None:
        """Take a row as text, one with few NULLs; of partitions from the youngest, which is written most."""
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in names)
        order = sql.SQL("ORDER BY tableoid DESC" if relation.is_partitioned else "")
        form = sql.SQL("SELECT {} FROM (SELECT * FROM {} {} LIMIT {}) AS t ORDER BY num_nonnulls({}) DESC LIMIT 1")
        query = form.format(texts, relation.identifier, order, _SAMPLE, listed(names))
        try:
            found = self._connection.execute(query).fetchone()
        except psycopg.Error:
            return None
        return None if found is None else dict(zip(names, found, strict=True))

    def _running(self, candidates: list[ApplicationStatement]) -> list[ApplicationStatement]:
        """Leave out what does not run; of a recorded one whose values fit no row here, what cannot be planned."""
        errors = self._errors(self._connection, candidates)
        self._planned = {
            candidates[number]
            for number, error in errors.items()
            if candidates[number].recorded and error.sqlstate[:2] in _OF_VALUES
        }
        again = [one for number, one in enumerate(candidates) if number not in errors or one in self._planned]
        if self._planned:
            errors = self._errors(self._connection, again)
            return [one for number, one in enumerate(again) if number not in errors]
        return again

    def _errors(
        self, connection: psycopg.Connection[Any], statements: Sequence[ApplicationStatement], *, prepared: bool = False
    ) -> dict[int, _Error]:
        """Run statements and leave nothing of it: neither rows nor the numbers that sequences have given."""
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
        """Run statements, each rolled back, and give the errors of those that fail, by their numbers."""
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
        except psycopg.OperationalError:  # the revision has ended all sessions, this one too
            return {}
        found = json.loads(row[0] if row else "[]")
        return {
            number: _Error(state, message, tuple(columns), *rest) for number, state, message, columns, *rest in found
        }

    def _job(self, number: int, statement: ApplicationStatement, *, prepared: bool) -> dict[str, str | None]:
        name = f"hexalembic_{number if prepared else _ANEW}"
        if statement not in self._calls:
            self._calls[statement] = _arguments(statement.parameters)
        execute = f'EXECUTE "{name}"{self._calls[statement]}'
        if statement in self._planned:
            execute = f'EXPLAIN EXECUTE "{name}"{_arguments([None] * len(statement.parameters))}'
        return {
            "prepare": None if prepared else _prepare(_ANEW, statement),
            "room": self._rooms.get(statement),
            "execute": execute,
        }


def _arguments(values: Sequence[str | None]) -> str:
    """Write the values of a call; nothing where there are none."""
    return f"({', '.join(sql.Literal(value).as_string() for value in values)})" if values else ""


def _connect(url: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
    restrict(connection)
    return connection


def _prepare(number: int, statement: ApplicationStatement) -> str:
    return f'PREPARE "hexalembic_{number}" AS {statement.sql}'
