"""Fills the databases at revisions with rows."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts
from adapter.outbound.migration.rows import Answers, Filled, Statement, fill, fill_matching, unmade_edges
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.trace import StatementTrace

LOOK_BACK = 3  # revisions: a column is usually added, backfilled and made NOT NULL within so many
_COLUMNS = f"""
SELECT pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
    AND a.attnum > 0 AND NOT a.attisdropped
"""  # noqa: S608 - a constant


class MadeRows(NamedTuple):
    """The rows that were made for statements.

    Attributes:
        database: A copy of the database with these rows; None where no row was added.
        unmade: As in `rows.Matching`.
    """

    database: Database | None
    unmade: Mapping[str, str]


@dataclass(frozen=True)
class RowMaker:
    """Makes rows in databases.

    Attributes:
        rows: Number of rows that each table gets; 0 for none.
        answers: What is known about values that pass checks.
    """

    rows: int
    answers: Answers = field(default_factory=Answers, repr=False, compare=False)

    def fill(self, database: Database, texts_as: str = "", counts: RowCounts = NOT_COUNTED) -> bool:
        """Fill up the tables of a database that is new, or was upgraded since it was filled.

        Columns that one of the last `LOOK_BACK` revisions added stay empty, as they do in production. Older columns
        get values. When the last revision added a column with a default, a few rows get other values, as the
        application would write them.

        Args:
            database: The database.
            texts_as: As in `RevisionDatabases.at`.
            counts: The rows that its tables have now.

        Returns:
            Whether rows may have been added.
        """
        if not self.rows:
            return False
        columns, young, settled = self.columns(database), dict[str, int](), frozenset[str]()
        if database.columns is not None:
            ages = {
                column: database.young.get(column, 0) + 1
                for column in sorted(columns)
                if column in database.young or column not in database.columns
            }
            young = {column: age for column, age in ages.items() if age <= LOOK_BACK}
            settled = columns - young.keys()
        fresh = [column for column, age in young.items() if age == 1]
        session, rows = database.session(), self.rows
        filling = fill(
            session,
            rows,
            texts_as=texts_as,
            settled=settled,
            young=young,
            fresh=fresh,
            counts=counts,
            answers=self.answers,
        )
        database.unfilled = {problem.table: problem.reason for problem in filling.problems}
        database.columns, database.young = columns, young
        return bool(filling.tables or filling.problems)

    def fill_anew(self, database: Database, kept: Collection[str] = ()) -> Filled:
        """Fill the tables of a database as if it was new.

        Args:
            database: The database.
            kept: Tables that get no rows.
        """
        filling = fill(database.session(), self.rows, answers=self.answers, kept=kept)
        database.unfilled = {problem.table: problem.reason for problem in filling.problems}
        database.columns, database.young = self.columns(database), {}
        return filling

    def columns(self, database: Database) -> frozenset[str]:
        """Return the columns of a database, as `schema.table.column`."""
        return frozenset(str(name) for (name,) in database.session().execute(_COLUMNS).fetchall())

    def grown(self, database: Database, rows: int, tables: Collection[str]) -> Database:
        """Return a copy of a database that has a given number of rows in some tables."""
        larger = database.copy()
        fill(larger.session(), rows, tables, edges=False, answers=self.answers)
        return larger

    def matching(self, database: Database, statements: Sequence[StatementTrace], *, edges: bool = True) -> MadeRows:
        """Return a copy of a database with a few more rows that statements look for, if any can be made.

        Args:
            database: The database.
            statements: The statements.
            edges: Whether some of the rows have values at the edges of their types.
        """
        searches = [Statement(statement.sql, json.loads(statement.sought)) for statement in statements]
        return self._with_matches(database, searches, edges=edges)

    def with_compared(
        self, database: Database, statements: Sequence[StatementTrace], *, edges: bool = True, within: bool = False
    ) -> MadeRows:
        """Return a copy of a database with rows that have values which statements compare with and no row has.

        Args:
            database: The database.
            statements: UPDATEs and DELETEs.
            edges: Whether some of the rows have values at the edges of their types.
            within: Whether also values that have a literal of an UPDATE within them.

        Returns:
            No database when there are such rows already, or none can be made.
        """
        searches = [
            Statement(statement.sql, json.loads(plan), each_value=True, within=within)
            for statement in statements
            for plan in statement.compared
        ]
        return self._with_matches(database, searches, edges=edges)

    def _with_matches(self, database: Database, searches: Sequence[Statement], *, edges: bool) -> MadeRows:
        copy = database.copy()
        with copy.tried() as keep:
            matching = fill_matching(copy.session(), searches, self.rows, database.young, edges=edges)
            return MadeRows(keep() if matching.rows else None, matching.unmade)

    def unmade_edges(self, database: Database, tables: Collection[str]) -> Mapping[str, str]:
        """Return the values at the edges of types that no row of some tables has; see `rows.unmade_edges`."""
        return unmade_edges(database.session(), tables, self.rows) if self.rows else {}
