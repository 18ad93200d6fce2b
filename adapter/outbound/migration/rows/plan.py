"""How a table's rows are made: the expression of each column, and the parents that are picked from."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from adapter.outbound.migration.rows.catalog import ForeignKey, Schema, Table
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import Values

_NULL_EVERY = 7


@dataclass(frozen=True)
class Question:
    """A query of one value that may fail.

    Attributes:
        query: Its text.
        group: Questions of one group are asked in turn until enough of them are settled.
        settles: Whether the answer 1 settles it.
    """

    query: str
    group: int = 0
    settles: bool = False


# Asked one by one, each would need a savepoint, and three answers of the server.
_ASK = """
DO $hexalembic$
DECLARE
    queries text[] := {queries}; groups int[] := {groups}; settles boolean[] := {settles}; wanted int[] := {wanted};
    answer jsonb; answers jsonb := '[]';
BEGIN
    FOR i IN 1 .. cardinality(queries) LOOP
        answer := NULL;
        IF wanted[groups[i]] > 0 THEN
            BEGIN
                EXECUTE 'SELECT to_jsonb((' || queries[i] || '))' INTO answer;
            EXCEPTION WHEN others THEN
                answer := NULL;
            END;
            IF settles[i] AND answer = '1' THEN
                wanted[groups[i]] := wanted[groups[i]] - 1;
            END IF;
        END IF;
        answers := answers || coalesce(jsonb_build_array(answer), '[null]');
    END LOOP;
    PERFORM set_config('hexalembic.answers', answers::text, false);
END
$hexalembic$
"""


@dataclass
class Session:
    """The database while it is filled: what was added, and what went wrong."""

    connection: psycopg.Connection[Any]
    schema: Schema
    rows: int  # that the table which is being filled shall have
    full: set[int]
    superuser: bool
    added: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)
    deferred: bool = False
    edges: bool = True
    few: bool = False  # a few rows are enough, where values that differ are hard to find

    def one(self, query: str) -> Any:
        """Return the one value of a query."""
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def attempt(self, query: str) -> Any:
        """Run a query that may fail; None when it did."""
        try:
            with self.connection.transaction():
                return self.one(query)
        except psycopg.Error:
            return None

    def attempts(self, questions: Sequence[Question], wanted: Mapping[int, int] | None = None) -> list[Any]:
        """Ask several questions in one statement; None for what failed, or was settled before.

        Args:
            questions: What to ask.
            wanted: How many answers of 1 settle a group; without a number none do.
        """
        if not questions:
            return []
        groups = {each.group: place for place, each in enumerate({each.group: each for each in questions}.values(), 1)}
        text = _ASK.format(
            queries=f"ARRAY[{', '.join(literal(each.query) for each in questions)}]::text[]",
            groups=f"ARRAY[{', '.join(str(groups[each.group]) for each in questions)}]::int[]",
            settles=f"ARRAY[{', '.join(str(each.settles) for each in questions)}]::boolean[]",
            wanted=f"ARRAY[{', '.join(str((wanted or {}).get(group, len(questions))) for group in groups)}]::int[]",
        )
        try:
            with self.connection.transaction():
                self.connection.execute(text.encode())
                answers = json.loads(self.one("SELECT current_setting('hexalembic.answers')"))
        except psycopg.Error:
            if self.connection.closed:
                raise
            return [self.attempt(each.query) for each in questions]  # whoever may not use PL/pgSQL
        return list(answers)

    def source(self, oid: int) -> str:
        """Return what is read for a table or a partition."""
        table = self.schema.tables.get(oid)
        return table.source if table else str(self.one(f"SELECT {oid}::regclass::text"))

    def name(self, oid: int) -> str:
        """Return the qualified name of a table."""
        table = self.schema.tables.get(oid)
        return table.name if table else str(self.one(f"SELECT {oid}::regclass::text"))


@dataclass(frozen=True)
class Source:
    """Rows of a parent that a foreign key picks from."""

    alias: str
    key: ForeignKey
    query: str
    shared: Mapping[int, str]  # columns that another source has chosen, and its expression for them
    count: int
    optional: bool
    shift: int = 0  # other foreign keys to the same parent are so many rows behind
    beside: str = ""  # one of those, by its alias, which shares a part of the key

    def column(self, number: int) -> str:
        """Return the expression for a column of the child."""
        return f"{self.alias}.k{self.key.columns.index(number)}"

    def join(self, index: str) -> str:
        """Join the parent whose number is made from this expression."""
        neighbor, before = f"{self.alias}b", ""
        if self.beside:
            places = range(len(self.key.columns))
            same = " AND ".join(f"{neighbor}.k{place} = {self.beside}.k{place}" for place in places)
            before, index = f"LEFT JOIN ({self.query}) {neighbor} ON {same} ", f"{neighbor}.n"
        index = f"{index} + {self.shift}" if self.shift else index
        # with a constant, the planner can hash
        conditions = [f"{self.alias}.n = ({index}) % {f'{self.alias}.c' if self.shared else self.count}"]
        conditions += [f"{self.column(number)} = {other}" for number, other in self.shared.items()]
        if self.optional:
            conditions.append(f"(g + {self.key.columns[0]}) % {_NULL_EVERY} <> 0")
        return f"{before}LEFT JOIN ({self.query}) {self.alias} ON {' AND '.join(conditions)}"


@dataclass
class Plan:
    """How a table's rows are made.

    Attributes:
        values: The expression of each column that is not left to its default.
        sources: The parents that are picked from.
        fixed: Columns with expressions that depend on no number, such as those of a source.
        indexes: The number that a column's or source's value is made from, where it is not the row's own.
        filters: Conditions that some rows do not meet.
        yields: The share of rows that meet them.
    """

    table: Table
    values: dict[int, Values] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    fixed: dict[int, str] = field(default_factory=dict)
    indexes: dict[int | str, str] = field(default_factory=dict)
    filters: list[str] = field(default_factory=list)
    extra: str = ""
    yields: float = 1.0

    def expression(self, number: int, values: Values | None = None) -> str:
        """Return the expression of a column; with other values, what it would be."""
        if number in self.fixed:
            return self.fixed[number]
        return self.made(number, values or self.values[number])

    def made(self, number: int, values: Values) -> str:
        """Return the expression that makes other values for a column."""
        column = self.table.columns[number]
        return f"({values.at(self.indexes.get(number, 'g'))})::{column.type_sql}"

    def rows(
        self,
        first: int,
        last: int,
        changes: Mapping[int, str] | None = None,
        *,
        only: Collection[int] | None = None,
        extra: str = "",
        columns: Sequence[str] = (),
    ) -> str:
        """Return the query that makes the rows with these numbers.

        Args:
            first: The first number.
            last: The last number.
            changes: Expressions for some columns instead of those of the plan.
            only: Columns that are needed besides those; None for all.
            extra: Joins of what `changes` refers to.
            columns: Further columns of the query.
        """
        parts = [
            "g AS fill_row",
            *columns,
            *(f"{text} AS {self.table.columns[each].quoted}" for each, text in (changes or {}).items()),
        ]
        own = sorted({*self.values, *self.fixed} - set(changes or {}))
        parts += [
            f"{self.sprinkled(number)} AS {self.table.columns[number].quoted}"
            for number in own
            if only is None or number in only
        ]
        series = f"generate_series({first}::int8, {last}::int8) g"
        return f"SELECT {', '.join(parts)} FROM {series} {self.extra} {self._joins(f'{parts} {extra}')} {extra}"

    def _joins(self, wanted: str) -> str:
        """Return the joins of the parents that an expression names, and of those that these depend on."""
        joins: list[str] = []
        for source in reversed(self.sources):
            if f"{source.alias}." in wanted:
                joins.insert(0, source.join(self.indexes.get(source.alias, "g")))
                wanted += joins[0]
        return " ".join(joins)

    def sprinkled(self, number: int) -> str:
        """Return the expression of a column, with a NULL now and then where nothing speaks against one."""
        column, text = self.table.columns[number], self.expression(number)
        constrained = number in self.table.distinct or any(number in check.columns for check in self.table.checks)
        if column.not_null or constrained or number in self.fixed or column.default is not None:
            return text
        return f"CASE WHEN (g + {number}) % {_NULL_EVERY} = 0 THEN NULL ELSE {text} END"


class CannotFillError(Exception):
    """The table cannot be filled; the message says why."""


def all_of(checks: Iterable[str]) -> str:
    """Join conditions as checks have them: unknown is good enough."""
    return " AND ".join(f"({check}) IS NOT FALSE" for check in checks) or "true"
