"""Runs the statements of one release's code on the schema of another.

For each table and view, the statements that its columns permit are generated from the catalog: a SELECT with explicit
columns, an INSERT with all columns and one with only the required columns, an INSERT with ON CONFLICT for each unique
key, an UPDATE of each column, and a DELETE. Their values come from an existing row; ON CONFLICT is only planned, which
finds its key, and so are calls of functions. Roles with privileges of their own send them, too. A statement that fails
on its own schema is dropped. Each statement is prepared in a session that stays open while the schema changes, and
prepared again afterwards (manual, PREPARE: a plan whose result type has changed is refused). All statements run in
transactions that are rolled back. Only those run again that reach what has changed; see `reach`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import restrict
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts
from adapter.outbound.migration.traffic.function_calls import function_calls
from adapter.outbound.migration.traffic.made_statements import candidates_for, read_relations, relation_names
from adapter.outbound.migration.traffic.reach import reaching
from adapter.outbound.migration.traffic.sample_rows import sample_rows
from adapter.outbound.migration.traffic.statement_runs import WRITES_NOTHING, Candidate, Refusal, prepare, run
from adapter.outbound.migration.traffic.unmoved_sequences import unmoved_sequences
from adapter.outbound.migration.traffic.versions import Versions, read_versions
from adapter.outbound.migration.traffic.visible_names import shadowed_since, visible_names
from adapter.outbound.postgres import direct
from domain.migration.compatibility import (
    REFERENCES,
    ApplicationStatement,
    BrokenStatement,
    Compatibility,
    breaks,
)

_OF_VALUES = frozenset({"22", "23", "P0"})  # classes of SQLSTATE: data, integrity, raised by a trigger
_DUPLICATE = "23505"
_FUNCTIONS = ""  # stands for the name of a table among the statements
_NO_ROW = "it has no row to take values from"

# Foreign keys that permit the deletion of a parent, or another key of it: with CASCADE, SET NULL or SET DEFAULT.
_FOREIGN_KEYS = """
SELECT g.command, format('%I.%I', n.nspname, c.relname), array_agg(a.attname::text)
  FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
 CROSS JOIN LATERAL (VALUES ('DELETE', k.confdeltype), ('UPDATE', k.confupdtype)) AS g (command, action)
 WHERE k.contype = 'f' AND g.action IN ('c', 'n', 'd') GROUP BY k.oid, g.command, n.nspname, c.relname
"""


@dataclass(frozen=True)
class Behind:
    """What the server said behind the change that statements have been run again for.

    Attributes:
        versions: What was there.
        concerned: The relations that reach the change, by name; None for all.
    """

    versions: Versions
    concerned: Collection[str] | None


@dataclass(frozen=True)
class OldCode:
    """The statements that run on a schema, which need not be found anew where nothing has changed since.

    Attributes:
        versions: What was there when they ran.
        each_column: Whether there is an UPDATE for each column.
        statements: The statements on each table or view, by its name; calls of functions are under an empty name.
        untried: The reason why a table has only a SELECT, by table.
        behind: What was there when they had run again; None before that.
    """

    versions: Versions
    each_column: bool
    statements: Mapping[str, tuple[Candidate, ...]]
    untried: Mapping[str, str]
    behind: Behind | None = None


class ApplicationStatements:
    """Statements that run on the current schema of a database, to be run again after the schema has changed.

    Attributes:
        known: The generated statements, for the next schema; it changes when they have run again.
    """

    def __init__(
        self,
        url: str,
        recorded: Iterable[ApplicationStatement] = (),
        *,
        each_column: bool = True,
        known: OldCode | None = None,
        watching: psycopg.Connection[Any] | None = None,
        counts: RowCounts = NOT_COUNTED,
        prepared: bool = True,
    ) -> None:
        """Generate the statements, run them once, and prepare those that succeed.

        Args:
            url: URL of the database, before its schema changes.
            recorded: Statements recorded from an application.
            each_column: Whether to generate an UPDATE for each column; otherwise one UPDATE sets all columns, which is
                faster but less specific.
            known: Statements that ran in this database before, or in one that it is a copy of.
            watching: An autocommit session in the database, where the statements are prepared and the versions of what
                they depend on are read; one that has read the tables before does so several times as fast. None for
                one of its own.
            counts: The rows that its tables have now.
            prepared: Whether to prepare them, as `try_again` needs it.
        """
        self._url = url
        usable = known if known is not None and known.each_column == each_column else None
        self._earlier = None if usable is None else usable.versions
        self._concerned_since: Collection[str] | None = None  # relations that reach a change since then; None for all
        with direct.closed_on_failure(_connect(url)) as self._connection:
            self._watching = self._connection if watching is None else watching
            self._foreign_keys = _read_foreign_keys(self._watching)
            self.known = self._generated(each_column=each_column, known=usable, counts=counts)
            generated = [candidate for candidates in self.known.statements.values() for candidate in candidates]
            self._candidates = [*generated, *self._runnable([Candidate(statement) for statement in recorded])]
            if prepared:
                prepare(self._watching, self._candidates)
            self._visible = visible_names(self._connection)

    @property
    def statements(self) -> list[ApplicationStatement]:
        """The statements that run on the current schema."""
        return [candidate.statement for candidate in self._candidates]

    @property
    def untried(self) -> Mapping[str, str]:
        """The reason why a table has only a SELECT, by table."""
        return self.known.untried

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session, and forget the statements that another one has prepared."""
        self._connection.close()
        if self._watching is not self._connection:
            with suppress(psycopg.Error):  # the revision has terminated it
                self._watching.execute("DEALLOCATE ALL")

    def try_again(
        self, watching: psycopg.Connection[Any] | None = None, counts: RowCounts = NOT_COUNTED
    ) -> Compatibility:
        """Run the statements on the changed schema, both newly prepared and as prepared before the change.

        Args:
            watching: An autocommit session in the database, where the versions are read; None for one of its own.
            counts: The rows that its tables have now.
        """
        with _connect(self._url) as fresh:
            before, session = self.known.versions, watching or fresh
            shadowed = shadowed_since(fresh, self._visible)
            versions = read_versions(session, before, counts)
            concerned = _concerned(session, before, versions)
            self.known = replace(self.known, behind=Behind(versions, concerned))
            candidates = self._numbered(concerned)
            inserts = {number: item for number, item in candidates.items() if item.columns is not None}
            with unmoved_sequences(fresh) if candidates else nullcontext():
                current_errors = run(fresh, candidates)
                # A restarted sequence first draws the key of the deleted row, then that of an existing row.
                second_errors = run(fresh, inserts)
        is_ended = self._is_ended()
        prepared_errors = {} if is_ended else _errors(self._watching, candidates, prepared=True)
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
        return replace(self._compatibility(broken), ends_sessions=is_ended, shadowed=shadowed)

    def _is_ended(self) -> bool:
        """Return whether a revision has terminated the session that stays open."""
        try:
            self._watching.execute("SELECT")
        except psycopg.OperationalError:
            return True
        return False

    def try_on(self, url: str) -> Compatibility:
        """Run the statements on another database, such as those of the next release on the current schema.

        Where this database and the other one were the same when the known statements ran, a statement that reaches no
        change in either of them runs there as it does here.
        """
        with _connect(url) as connection:
            here, names = self._concerned_since, None
            if self._earlier is not None and here is not None:
                there = _concerned(connection, self._earlier, read_versions(connection, self._earlier))
                names = None if there is None else {*here, *there}
            errors = _errors(connection, self._numbered(names))
        return self._compatibility(self._broken_statement(number, error) for number, error in errors.items())

    def _compatibility(self, broken: Iterable[BrokenStatement | None]) -> Compatibility:
        all_broken = [*filter(None, broken)]
        broken_for_all = {item.statement.sql for item in all_broken if not item.statement.role}
        reported = [item for item in all_broken if not item.statement.role or item.statement.sql not in broken_for_all]
        inserted = frozenset(item.statement.table for item in self._candidates if item.columns is not None)
        return Compatibility(len(self._candidates), tuple(reported), self.untried, inserted)

    def _numbered(self, names: Collection[str] | None) -> dict[int, Candidate]:
        """Return the statements on some relations, and the recorded ones, by number; all for None."""
        return {
            number: candidate
            for number, candidate in enumerate(self._candidates)
            if names is None or candidate.statement.recorded or candidate.statement.table in names
        }

    def _broken_statement(self, number: int, error: Refusal, *, when_prepared: bool = False) -> BrokenStatement | None:
        statement = self._candidates[number].statement
        broken_statement = BrokenStatement(
            statement, error.message, error.sqlstate, when_prepared, error.relation, error.column
        )
        refused_by_constraint = self._refuses_defaults(number, error) or self._refuses_change(number, error)
        return broken_statement if breaks(broken_statement, error.constraint) or refused_by_constraint else None

    def _refuses_change(self, number: int, error: Refusal) -> bool:
        """Return whether a DELETE or UPDATE fails now because an existing foreign key no longer permits it."""
        command = self._candidates[number].statement.sql.partition(" ")[0]
        is_known = (command, error.relation, frozenset(error.columns)) in self._foreign_keys
        return is_known and error.sqlstate in REFERENCES

    def _refuses_defaults(self, number: int, error: Refusal) -> bool:
        """Return whether an INSERT fails on a constraint whose columns the INSERT does not set.

        Then a sequence has drawn an existing key, or a default violates a new constraint.
        """
        columns = self._candidates[number].columns
        return columns is not None and bool(error.columns) and not {*error.columns} & {*columns}

    def _generated(self, *, each_column: bool, known: OldCode | None, counts: RowCounts) -> OldCode:
        """Return the generated statements that run; only those are made and run that may differ from the known ones."""
        last = None if known is None else known.behind or Behind(known.versions, ())
        versions = read_versions(self._watching, last.versions if last is not None else None, counts)
        if last is not None:
            concerned_now = _concerned(self._watching, last.versions, versions)
            self._concerned_since = _united(last.concerned, concerned_now)
        concerned = self._concerned_since
        names = relation_names(self._watching)
        new = list(read_relations(self._watching, concerned))
        rows = sample_rows(self._connection, [relation for relation in new if relation.is_table])
        candidates = [
            candidate
            for relation in new
            for candidate in candidates_for(relation, rows.get(relation.table), each_column=each_column)
        ]
        runnable: dict[str, list[Candidate]] = {relation.table: [] for relation in new}
        if concerned is None:  # as it is where a function was created or dropped
            candidates += function_calls(self._connection)
            runnable[_FUNCTIONS] = []
        for candidate in self._runnable(candidates):
            runnable[candidate.statement.table].append(candidate)
        without_row = {
            relation.table for relation in new if relation.is_table and relation.columns and relation.table not in rows
        }
        earlier: Mapping[str, tuple[Candidate, ...]] = known.statements if known is not None else {}
        if known is not None:
            without_row |= known.untried.keys() - runnable.keys()
        return OldCode(
            versions,
            each_column,
            {name: tuple(runnable.get(name, earlier.get(name, ()))) for name in (*names, _FUNCTIONS)},
            {name: _NO_ROW for name in names if name in without_row},
        )

    def _runnable(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the statements that run; a recorded one whose values do not fit the rows here only has to plan."""
        errors = _errors(self._connection, dict(enumerate(candidates)))
        runnable: list[Candidate] = []
        for number, candidate in enumerate(candidates):
            sqlstate = errors[number].sqlstate if number in errors else ""
            if not sqlstate:
                runnable.append(candidate)
            elif sqlstate == WRITES_NOTHING:  # it wrote nothing before
                runnable.append(replace(candidate, row_exists=""))
            elif candidate.statement.recorded and sqlstate[:2] in _OF_VALUES:
                runnable.append(replace(candidate, is_planned=True))
        if any(candidate.statement.recorded and candidate.is_planned for candidate in runnable):
            errors = _errors(self._connection, dict(enumerate(runnable)))
            return [candidate for number, candidate in enumerate(runnable) if number not in errors]
        return runnable


def _errors(
    connection: psycopg.Connection[Any], candidates: Mapping[int, Candidate], *, prepared: bool = False
) -> dict[int, Refusal]:
    """Run statements without lasting effects: rows are rolled back and sequences are restored."""
    if not candidates:
        return {}
    with unmoved_sequences(connection):
        return run(connection, candidates, prepared=prepared)


def _concerned(connection: psycopg.Connection[Any], before: Versions, after: Versions) -> Collection[str] | None:
    """Return the names of the relations on which statements may do something else now; None for all."""
    changed = before.changed(after)
    if changed is None:
        return None
    seen_by_keys = before.changed_for_keys(after)
    is_other = bool(changed) or before.types != after.types
    concerned = reaching(connection, changed, seen_by_keys, after.opaque if is_other else None)
    return {
        versions.relations[oid].name for versions in (before, after) for oid in concerned & versions.relations.keys()
    }


def _united(names: Collection[str] | None, others: Collection[str] | None) -> Collection[str] | None:
    """Return the names of both changes; None, which stands for all, where one of them is None."""
    return None if names is None or others is None else {*names, *others}


def _read_foreign_keys(connection: psycopg.Connection[Any]) -> set[tuple[str, str, frozenset[str]]]:
    """Read the command, the table and the columns of each foreign key that permits a change of its parent."""
    rows = connection.execute(_FOREIGN_KEYS).fetchall()
    return {(command, str(table), frozenset(columns)) for command, table, columns in rows}


def _connect(url: str) -> psycopg.Connection[Any]:
    with direct.closed_on_failure(direct.connect(url, autocommit=True, prepare_threshold=None)) as connection:
        restrict(connection)
        return connection
