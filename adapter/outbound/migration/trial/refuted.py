"""Statements of an upgrade whose condition is true for no row of any database.

A condition on columns that the upgrade itself has added has one result for all rows that were there, because each of
these columns has its default in all of them. And a column that is NOT NULL is never NULL, which not every planner uses
(the manual, release notes of Postgres 17).
"""

import json
from collections.abc import Mapping
from typing import Any

import psycopg

from adapter.outbound.migration.rows.sought import Relation, columns_of, read_plan, replace_columns
from domain.migration.names import split
from domain.migration.snapshot import Value, attributes
from domain.migration.trace import ChangedObject, RevisionTrace

_QUOTED = "SELECT pg_catalog.format('%I.%I', $1::text, $2::text)"


def is_refuted(session: psycopg.Connection[Any], trace: RevisionTrace, index: int) -> bool:
    """Return whether a statement of the upgrade that found no row would find none in any database.

    Args:
        session: An autocommit session in a database of the revision, which computes conditions.
        trace: The trace of the revision.
        index: The index of the statement, which looked for rows.
    """
    sought = read_plan(json.loads(trace.upgrade[index].sought))
    tables = {alias: _name(session, relation) for alias, relation in sought.relations.items()}
    return any(
        _is_null_of_not_null(trace, tables, condition) or _is_false_for_added(session, trace, index, tables, condition)
        for condition in sought.conditions
    )


def _name(session: psycopg.Connection[Any], relation: Relation) -> str:
    row = psycopg.RawCursor(session).execute(_QUOTED.encode(), [relation.schema, relation.name]).fetchone()
    return str(row[0]) if row else ""


def _is_null_of_not_null(trace: RevisionTrace, tables: Mapping[str, str], condition: str) -> bool:
    columns = columns_of(condition)
    if len(columns) != 1 or condition != f"({columns[0][0]}.{columns[0][1]} IS NULL)":
        return False
    name = f"{tables.get(columns[0][0])}.{columns[0][1]}"
    return all(attributes(catalog, "column", name).get("not_null") for catalog in (trace.before, trace.after))


def _is_false_for_added(
    session: psycopg.Connection[Any], trace: RevisionTrace, index: int, tables: Mapping[str, str], condition: str
) -> bool:
    """Return whether a condition is on added columns only, and not true for their defaults."""
    names = {(alias, column): f"{tables.get(alias)}.{column}" for alias, column in columns_of(condition)}
    if not names or not all(_has_its_default(trace, index, name) for name in names.values()):
        return False

    def default(alias: str, column: str) -> str:
        entry = attributes(trace.after, "column", names[alias, column])
        return f"(({entry.get('default') or 'NULL'})::{entry['type']})"

    query = f"SELECT ({replace_columns(condition, default)}) IS NOT TRUE"
    try:
        return session.execute(query.encode()).fetchone() == (True,)
    except psycopg.Error:  # a type that the upgrade has made, or a subquery
        return False


def _has_its_default(trace: RevisionTrace, index: int, column: str) -> bool:
    """Return whether an earlier statement added a column with one value for all rows, which nothing wrote since.

    Its default is known as it is in the end, so no statement may change the column.
    """
    table, added = split(column)[0], ChangedObject("table column", column)
    if table not in trace.tables or not _is_constant(attributes(trace.after, "column", column)):
        return False
    earlier = trace.upgrade[:index]
    addition = next((place for place, statement in enumerate(earlier) if added in statement.created), None)
    if addition is None or any(added in statement.altered for statement in trace.upgrade[addition + 1 :]):
        return False
    return not any(table in statement.rows or table in statement.rewritten for statement in earlier[addition + 1 :])


def _is_constant(entry: Mapping[str, Value]) -> bool:
    is_computed = entry.get("generated") or entry.get("identity") or "(" in str(entry.get("default") or "")
    return "type" in entry and not is_computed
