"""The tables whose rows a plan may take away: those that it rewrites, updates, deletes from, or drops.

A table that only gets new columns, constraints, indexes or rows keeps what it has, and needs no backup. What was not
seen counts as touched, because a backup that lacks a table is worse than one that has it in vain.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from domain.migration.locks import LockMode
from domain.migration.names import split
from domain.migration.statement_trace import StatementTrace
from domain.migration.trace import RevisionTrace

_LOSING = frozenset({"Update", "Delete", "Merge"})
_RELATIONS = frozenset({"table", "sequence"})
# No plan is known of an INSERT. A word too much, as in a text, only makes the backup larger.
_MAY_UPDATE = re.compile(r"\bconflict\b|\bmerge\b", re.IGNORECASE)


def touched_tables(traces: Iterable[RevisionTrace]) -> frozenset[str] | None:
    """Return the tables that revisions touch, by the names that they have before the first of them.

    Args:
        traces: Traces of the revisions, in the order in which they will run.

    Returns:
        Qualified names of tables and sequences, among them `pg_catalog.pg_largeobject` for large objects; None if it is
        not known which tables are touched, so that all must be saved.
    """
    names = _Names()
    touched: set[str] = set()
    for trace in traces:
        if trace.not_run or trace.error or any(statement.catalogs for statement in trace.upgrade):
            return None
        for change in trace.unreported:
            if not change.table:
                return None
            touched |= names.before_the_plan(change.table)
        tables = _tables_of(trace)
        for statement in trace.upgrade:
            for name in _touched_by(statement, tables):
                touched |= names.before_the_plan(name)
            names.follow(statement)
    return frozenset(touched)


class _Names:
    """The names of tables as the statements of a plan change them."""

    def __init__(self) -> None:
        self._created: set[str] = set()
        self._before: dict[str, str] = {}  # by the name of now

    def before_the_plan(self, name: str) -> set[str]:
        """Return the name that a table had before the plan; nothing of one that the plan has created."""
        if name in self._created or name.startswith("pg_temp"):
            return set()
        return {self._before.get(name, name)}

    def follow(self, statement: StatementTrace) -> None:
        """Take in what a statement has created, dropped and renamed."""
        self._created -= {dropped.name for dropped in statement.dropped if dropped.kind in _RELATIONS}
        self._created |= {created.name for created in statement.created if created.kind in _RELATIONS}
        new_names = {item.old: item.new for item in statement.renamed if item.kind in _RELATIONS}
        olds = {new: self._before.get(old, old) for old, new in new_names.items() if old not in self._created}
        self._before = {name: old for name, old in self._before.items() if name not in new_names} | olds
        self._created = {new_names.get(name, name) for name in self._created}


def _tables_of(trace: RevisionTrace) -> frozenset[str]:
    """Return the tables that a revision finds, by all names that they have meanwhile; indexes are none."""
    new_names = (item.new for statement in trace.upgrade for item in statement.renamed if item.kind in _RELATIONS)
    return frozenset((*trace.tables, *new_names))


def _touched_by(statement: StatementTrace, tables: Collection[str]) -> Iterator[str]:
    yield from (name for name in statement.rewritten if name in tables)
    yield from changed_by(statement, tables)
    for dropped in statement.dropped:
        if dropped.kind in _RELATIONS:
            yield dropped.name
        elif dropped.kind == "table column":
            yield split(dropped.name)[0]


def changed_by(statement: StatementTrace, tables: Collection[str]) -> Iterator[str]:
    """Return the tables whose rows a statement updates or deletes, or may do so at the target.

    Args:
        statement: The statement.
        tables: The tables that its revision finds.
    """
    for name, rows in statement.rows.items():
        if rows.updated or rows.deleted:
            yield name
    # An UPDATE or DELETE that found no row in the sandbox may find some at the target.
    for name, mode in statement.locks.items():
        if mode is LockMode.ROW_EXCLUSIVE and name in tables and not _only_inserts(statement, name):
            yield name
    for plan in filter(None, (statement.sought, *statement.compared)):
        yield from _losing_tables(json.loads(plan))


def _only_inserts(statement: StatementTrace, table: str) -> bool:
    """Return whether a statement inserts rows into a table and can do nothing else to it, whatever rows there are."""
    is_seen = table not in statement.used_within and not _MAY_UPDATE.search(statement.sql)
    return is_seen and table in statement.rows and statement.rows[table].inserted > 0


def _losing_tables(node: Any) -> Iterator[str]:
    """Return the tables of which the nodes of a plan of EXPLAIN (VERBOSE, FORMAT JSON) update or delete rows."""
    if isinstance(node, list):
        for item in node:
            yield from _losing_tables(item)
    elif isinstance(node, dict):
        if node.get("Node Type") == "ModifyTable" and node.get("Operation") in _LOSING and "Relation Name" in node:
            yield f"{_quoted(node.get('Schema', 'public'))}.{_quoted(node['Relation Name'])}"
        for value in node.values():
            if isinstance(value, dict | list):
                yield from _losing_tables(value)


def _quoted(name: str) -> str:
    """Return a part of a name as `quote_ident` writes it, except for words that SQL reserves."""
    is_plain = name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if is_plain else '"' + name.replace('"', '""') + '"'
