"""Statements whose effect on rows was not measured, because they matched no rows of the sandbox."""

import re
from collections.abc import Iterator

from domain.migration.analysis.upgrade_code import Work, work_in
from domain.migration.locks import LockMode
from domain.migration.names import split
from domain.migration.snapshot import attributes, names_of
from domain.migration.trace import RevisionTrace, RowCounts, StatementTrace


def wrote(statement: StatementTrace) -> bool:
    """Return whether a statement wrote or locked rows."""
    return any(rows.total for rows in statement.rows.values()) or any(statement.locked.values())


def changes_schema(statement: StatementTrace) -> bool:
    """Return whether a statement changed the catalog or rewrote a table."""
    return bool(statement.created or statement.altered or statement.dropped or statement.rewritten)


def writes_what_it_finds(statement: StatementTrace) -> bool:
    """Return whether a statement writes rows that it looks up, unlike an INSERT with VALUES."""
    return not changes_schema(statement) and _FINDS.match(without_comments(statement.sql)) is not None


def ran_without_rows(trace: RevisionTrace) -> bool:
    """Return whether no table had made-up rows, because the revision refuses all that could be made."""
    return bool(trace.refused_rows and trace.tables) and trace.tables.keys() <= trace.unfilled.keys()


def found_nothing(statement: StatementTrace) -> bool:
    """Return whether a statement, or a statement within it, may have looked for rows and found none."""
    if statement.error is not None:
        return False
    if statement.sought or (writes_what_it_finds(statement) and not wrote(statement)):
        return True
    idle = any(_is_idle(statement, table) for table in statement.used_within)
    return idle or any(_targets(statement)) or _only_read(statement)


def idle_within(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables with rows that a statement within this one was to write and did not.

    A partitioned table stands for its partitions. A table that was locked for a cascading foreign key is left out,
    because the key may find no rows there.
    """
    written = {top(trace, name) for name, rows in statement.rows.items() if rows.total}
    locked = {top(trace, table) for table in statement.used_within if _is_idle(statement, table)}
    targets = list(_targets(statement))
    return [
        table
        for table, facts in trace.tables.items()
        if facts.rows
        and table not in written
        and (table in locked or any(is_named(name, table) for name in targets))
        and not any(_follows(trace, table, referenced, rows) for referenced, rows in statement.rows.items())
    ]


def top(trace: RevisionTrace, table: str) -> str:
    """Return the topmost partitioned table that a table belongs to; the table itself if it is no partition."""
    while (facts := attributes(trace.before, "table", table)).get("partition_bound"):
        parents = facts.get("parents")
        if not isinstance(parents, tuple) or not parents:
            break
        table = str(parents[0]).partition(" (")[0]
    return table


def read_within(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables with rows that a statement within this one read, if this one wrote nothing."""
    tables = statement.used_within if _only_read(statement) else ()
    return [table for table in tables if table in trace.tables and trace.tables[table].rows]


def work_not_done(trace: RevisionTrace) -> Work | None:
    """Return a call in the code of an upgrade that had no effect; None if the upgrade worked, or has no such call.

    A call that depends on no condition is only one if not even a statement was executed.
    """
    if not all(map(_has_no_effect, trace.upgrade)):
        return None
    works = work_in(trace.source)
    conditional = [work for work in works if work.condition]
    return next(iter(conditional or ([] if trace.upgrade else works)), None)


def is_named(name: str, table: str) -> bool:
    """Return whether a name in an SQL text may be the name of a table.

    Args:
        name: Name as the text has it, qualified or not.
        table: Qualified name of the table.
    """
    name_parts = [part.replace('"', "") for part in re.findall(r'"(?:[^"]|"")+"|[^".]+', name)]
    table_parts = [part.strip('"').replace('""', '"') for part in split(table)]
    return [part.lower() for part in name_parts] == [part.lower() for part in table_parts][-len(name_parts) :]


def without_comments(sql: str) -> str:
    """Return an SQL text with a blank for each comment."""
    return _COMMENT.sub(" ", sql)


def _has_no_effect(statement: StatementTrace) -> bool:
    """Return whether a statement had no effect, and is one of those that need none."""
    effects = changes_schema(statement) or wrote(statement) or statement.catalogs or statement.indexes_built
    locks = any(mode > LockMode.ACCESS_SHARE for mode in statement.locks.values())
    return not (effects or locks or statement.error) and _READ.match(without_comments(statement.sql)) is not None


def _is_idle(statement: StatementTrace, table: str) -> bool:
    written = statement.rows.get(table)
    return statement.locks.get(table) is LockMode.ROW_EXCLUSIVE and not (written and written.total)


def _only_read(statement: StatementTrace) -> bool:
    """Return whether statements within this one only read tables, although its text may write."""
    if not statement.used_within or wrote(statement) or changes_schema(statement):
        return False
    text = without_comments(statement.sql)
    return _BLOCK.match(text) is None or _MAY_WRITE.search(text) is not None


def _targets(statement: StatementTrace) -> Iterator[str]:
    """Return the tables that the statements of a script look up rows of to write, and wrote none."""
    statements = list(pieces(statement.sql))
    written = [table for table, rows in statement.rows.items() if rows.total]
    for piece in statements if len(statements) > 1 else ():
        yield from (name for name in target(piece) if not any(is_named(name, table) for table in written))


def target(piece: str) -> list[str]:
    """Return the table whose rows a statement looks up and writes; empty if the statement does neither."""
    match = _TARGET.search(piece) if _FINDS.match(piece) else None
    return [match["name"]] if match else []


def pieces(sql: str) -> Iterator[str]:
    """Return the statements of an SQL text, without comments and string literals; quoted names are kept."""
    text = _TEXT.sub(lambda match: match[0] if match[0].startswith('"') else " ", sql)
    return (piece.strip() for piece in text.split(";") if piece.strip())


def keywords(sql: str) -> str:
    """Return an SQL text with a blank for each comment, string literal and quoted name."""
    return _TEXT.sub(" ", sql)


def _follows(trace: RevisionTrace, table: str, referenced: str, rows: RowCounts) -> bool:
    """Return whether a foreign key of a table cascades the writes of a referenced table.

    Args:
        trace: Trace of the revision.
        table: Table with the foreign key.
        referenced: Table that was written.
        rows: Rows that were written.
    """
    for name in names_of(trace.before, "constraint"):
        if split(name)[0] == table:
            key = _KEY.search(str(attributes(trace.before, "constraint", name).get("definition")))
            if key and is_named(key["name"], referenced):
                actions = {match[1] for match in _FOLLOWS.finditer(key["actions"])}
                return bool(("DELETE" in actions and rows.deleted) or ("UPDATE" in actions and rows.updated))
    return False


_READ = re.compile(r"[\s(]*(?:SELECT|SHOW|SET|WITH|VALUES|TABLE|EXPLAIN)\b", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))?'
_TEXT = re.compile(
    r"""--[^\n]*|/\*.*?\*/|"(?:[^"]|"")*"|[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|(\$(?:[a-zA-Z_]\w*)?\$).*?\1""",
    re.DOTALL,
)
_FINDS = re.compile(
    r"\s*(?:UPDATE|DELETE|MERGE|INSERT\b.*\bSELECT|WITH\b.*\b(?:UPDATE|DELETE|MERGE|INSERT))\b",
    re.IGNORECASE | re.DOTALL,
)
_TARGET = re.compile(
    rf"\b(?:UPDATE|DELETE\s+FROM|(?:INSERT|MERGE)\s+INTO)\s+(?:ONLY\s+)?(?P<name>{_NAME})", re.IGNORECASE
)
_BLOCK = re.compile(r"\s*DO\b", re.IGNORECASE)
_MAY_WRITE = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|EXECUTE|PERFORM|CALL|CREATE|ALTER|DROP)\b", re.IGNORECASE
)
_KEY = re.compile(rf"REFERENCES (?P<name>{_NAME})(?P<actions>.*)", re.DOTALL)
_FOLLOWS = re.compile(r"\bON (DELETE|UPDATE) (?:CASCADE|SET)\b")
