"""The plan for a table's rows: the expression of each column, and the parents that foreign keys pick from."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from adapter.outbound.migration.rows.answers import Known
from adapter.outbound.migration.rows.catalog import ForeignKey, Schema, Table
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import Values

_NULL_EVERY = 7


@dataclass(frozen=True)
class Question:
    """A query that returns one value and may fail.

    Attributes:
        query: The text of the query.
        group: Number of its group; the questions of a group run in turn until enough of them are settled.
        settles: Whether the answer 1 settles the question.
    """

    query: str
    group: int = 0
    settles: bool = False


# One statement for all questions: run separately, each would need a savepoint and three round trips.
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
    """A database that is being filled, with the rows that were added and the problems that occurred."""

    connection: psycopg.Connection[Any]
    schema: Schema
    rows: int  # target row count of the table that is being filled
    full: set[int]
    superuser: bool
    added: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    filled: set[int] = field(default_factory=set)
    deferred: bool = False
    edges: bool = True
    drawn: dict[int, dict[int, str]] | None = None  # by table and column, the sequences that columns draw from
    few: bool = False  # a few rows are enough, so distinct values matter less
    known: Known = field(default_factory=dict)  # by group of questions
    grown: bool = False  # whether a table got more rows because another one needed them

    def value_of(self, query: str) -> Any:
        """Run a query and return its single value."""
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def attempt(self, query: str) -> Any:
        """Run a query that may fail and return its value; None when it failed."""
        try:
            with self.connection.transaction():
                return self.value_of(query)
        except psycopg.Error:
            return None

    def attempts(self, questions: Sequence[Question], wanted: Mapping[int, int] | None = None) -> list[Any]:
        """Run several questions in one statement and return their answers; those of known groups are not run again.

        The answer is None where a query failed, and where its group was settled before.

        Args:
            questions: The questions to run.
            wanted: By group, how many answers of 1 settle it; a group without a number is never settled early.
        """
        groups: dict[int, list[Question]] = {}
        for question in questions:
            groups.setdefault(question.group, []).append(question)
        keys = {
            number: ((wanted or {}).get(number), *((question.query, question.settles) for question in group))
            for number, group in groups.items()
        }
        new = [question for question in questions if keys[question.group] not in self.known]
        new_answers: dict[int, list[Any]] = {}
        for question, answer in zip(new, self._asked(new, wanted), strict=True):
            new_answers.setdefault(question.group, []).append(answer)
        self.known.update((keys[number], answers) for number, answers in new_answers.items())
        answers = {number: iter(self.known[key]) for number, key in keys.items()}
        return [next(answers[question.group]) for question in questions]

    def _asked(self, questions: Sequence[Question], wanted: Mapping[int, int] | None) -> list[Any]:
        if not questions:
            return []
        groups = {
            question.group: place
            for place, question in enumerate({question.group: question for question in questions}.values(), 1)
        }
        statement = _ASK.format(
            queries=f"ARRAY[{', '.join(literal(question.query) for question in questions)}]::text[]",
            groups=f"ARRAY[{', '.join(str(groups[question.group]) for question in questions)}]::int[]",
            settles=f"ARRAY[{', '.join(str(question.settles) for question in questions)}]::boolean[]",
            wanted=f"ARRAY[{', '.join(str((wanted or {}).get(group, len(questions))) for group in groups)}]::int[]",
        )
        try:
            with self.connection.transaction():
                self.connection.execute(statement.encode())
                answers = json.loads(self.value_of("SELECT current_setting('hexalembic.answers')"))
        except psycopg.Error:
            if self.connection.closed:
                raise
            return [self.attempt(question.query) for question in questions]  # the role may not use PL/pgSQL
        return list(answers)

    def source(self, oid: int) -> str:
        """Return the FROM item for a table or a partition."""
        table = self.schema.tables.get(oid)
        return table.source if table else str(self.value_of(f"SELECT {oid}::regclass::text"))

    def name(self, oid: int) -> str:
        """Return the qualified name of a table."""
        table = self.schema.tables.get(oid)
        return table.name if table else str(self.value_of(f"SELECT {oid}::regclass::text"))


@dataclass(frozen=True)
class Source:
    """The rows of a parent that a foreign key picks from."""

    alias: str
    key: ForeignKey
    query: str
    shared: Mapping[int, str]  # columns that another source has decided, with its expressions for them
    count: int
    optional: bool
    shift: int = 0  # rows ahead, so that foreign keys to the same parent pick different rows
    beside: str = ""  # alias of another source of the same parent that shares a part of the key

    def column(self, number: int) -> str:
        """Return the expression for a column of the child."""
        return f"{self.alias}.k{self.key.columns.index(number)}"

    def join(self, index: str) -> str:
        """Return the join of the parent row whose number the expression computes."""
        neighbor, neighbor_join = f"{self.alias}b", ""
        if self.beside:
            places = range(len(self.key.columns))
            shared_matches = " AND ".join(f"{neighbor}.k{place} = {self.beside}.k{place}" for place in places)
            neighbor_join, index = f"LEFT JOIN ({self.query}) {neighbor} ON {shared_matches} ", f"{neighbor}.n"
        index = f"{index} + {self.shift}" if self.shift else index
        # the planner can use a hash join only with a constant
        conditions = [f"{self.alias}.n = ({index}) % {f'{self.alias}.c' if self.shared else self.count}"]
        conditions += [f"{self.column(number)} = {expression}" for number, expression in self.shared.items()]
        if self.optional:
            conditions.append(f"(g + {self.key.columns[0]}) % {_NULL_EVERY} <> 0")
        return f"{neighbor_join}LEFT JOIN ({self.query}) {self.alias} ON {' AND '.join(conditions)}"


@dataclass
class Plan:
    """The plan for a table's rows.

    Attributes:
        table: The table.
        values: By column, the values of each column that neither keeps its default nor is fixed.
        sources: The parents that foreign keys pick from.
        fixed: By column, expressions that `indexes` does not affect, such as those of a source.
        indexes: By column or alias of a source, the number that selects its value where that is not the row's number.
        filters: Conditions that some generated rows do not meet; those rows are not inserted.
        extra: Joins that expressions in `fixed` refer to.
        yields: The share of generated rows that meet the filters, from 0 to 1.
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
        """Return the expression of a column, made from `values` where they are passed."""
        if number in self.fixed:
            return self.fixed[number]
        return self.typed(number, values or self.values[number])

    def typed(self, number: int, values: Values) -> str:
        """Return the expression of a column for the given values, cast to the column's type."""
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
        up_to: int = 0,
        step: int = 1,
    ) -> str:
        """Return the query that generates the rows of a range of numbers.

        Args:
            first: The first row number.
            last: The last row number.
            changes: Expressions for some columns that replace those of the plan.
            only: Numbers of the columns that are needed besides those in `changes`; None for all.
            extra: Joins that `changes` refers to.
            columns: Further columns of the query, as SQL.
            up_to: The last number of further rows behind the range; 0 for none.
            step: The distance between the numbers of further rows.
        """
        parts = [
            "g AS fill_row",
            *columns,
            *(f"{expression} AS {self.table.columns[number].quoted}" for number, expression in (changes or {}).items()),
        ]
        planned = sorted({*self.values, *self.fixed} - set(changes or {}))
        parts += [
            f"{self.sprinkled(number)} AS {self.table.columns[number].quoted}"
            for number in planned
            if only is None or number in only
        ]
        series = f"generate_series({first}::int8, {last}::int8) g"
        if up_to > last:
            further = f"SELECT generate_series({last + step}::int8, {up_to}::int8, {step}::int8)"
            series = f"(SELECT * FROM {series} UNION ALL {further}) s(g)"
        return f"SELECT {', '.join(parts)} FROM {series} {self.extra} {self._joins(f'{parts} {extra}')} {extra}"

    def _joins(self, expressions: str) -> str:
        """Return the joins of the parents that the expressions name, and of the parents that those joins depend on."""
        joins: list[str] = []
        for source in reversed(self.sources):
            if f"{source.alias}." in expressions:
                joins.insert(0, source.join(self.indexes.get(source.alias, "g")))
                expressions += joins[0]
        return " ".join(joins)

    def sprinkled(self, number: int) -> str:
        """Return the expression of a column, with an occasional NULL where no constraint prevents it."""
        column, expression = self.table.columns[number], self.expression(number)
        constrained = number in self.table.distinct or any(number in check.columns for check in self.table.checks)
        if column.not_null or constrained or number in self.fixed or column.default is not None:
            return expression
        return f"CASE WHEN (g + {number}) % {_NULL_EVERY} = 0 THEN NULL ELSE {expression} END"


class CannotFillError(Exception):
    """The table cannot be filled; the message says why."""


def all_of(checks: Iterable[str]) -> str:
    """Return the conjunction of checks; as in a CHECK, a result of NULL passes."""
    return " AND ".join(f"({check}) IS NOT FALSE" for check in checks) or "true"
