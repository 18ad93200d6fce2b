"""What a statement was to do to rows of the sandbox and did not, as it found none."""

import re
from collections.abc import Iterator

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
    """Return whether a statement is there to write rows that it finds; one that gives its rows itself is not."""
    return not changes_schema(statement) and _FINDS.match(without_comments(statement.sql)) is not None


def found_nothing(statement: StatementTrace) -> bool:
    """Return whether a statement, or one within it, may have looked for rows and found none."""
    if statement.error is not None:
        return False
    if statement.sought or (writes_what_it_finds(statement) and not wrote(statement)):
        return True
    idle = any(_is_idle(statement, table) for table in statement.used_within)
    return idle or any(_targets(statement)) or _only_read(statement)


def idle_within(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables with rows that a statement within this one was to write, of which it wrote none.

    A partitioned table stands for its partitions. Keys that cascade lock tables of which no row may have to go.
    """
    written = {top(trace, name) for name, rows in statement.rows.items() if rows.total}
    locked = {top(trace, table) for table in statement.used_within if _is_idle(statement, table)}
    named = list(_targets(statement))
    return [
        table
        for table, facts in trace.tables.items()
        if facts.rows
        and table not in written
        and (table in locked or any(is_named(name, table) for name in named))
        and not any(_follows(trace, table, other, rows) for other, rows in statement.rows.items())
    ]


def top(trace: RevisionTrace, table: str) -> str:
    """Return the partitioned table at the top that a table is a partition of; the table itself where it is none."""
    while (facts := attributes(trace.before, "table", table)).get("partition_bound"):
        parents = facts.get("parents")
        if not isinstance(parents, tuple) or not parents:
            break
        table = str(parents[0]).partition(" (")[0]
    return table


def read_within(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables with rows that a statement within this one read, where nothing was written then."""
    tables = statement.used_within if _only_read(statement) else ()
    return [table for table in tables if table in trace.tables and trace.tables[table].rows]


def is_named(name: str, table: str) -> bool:
    """Return whether a name in a text may be that of a table."""
    written = [part.replace('"', "") for part in re.findall(r'"(?:[^"]|"")+"|[^".]+', name)]
    real = [part.strip('"').replace('""', '"') for part in split(table)]
    return [part.lower() for part in written] == [part.lower() for part in real][-len(written) :]


def without_comments(sql: str) -> str:
    """Return a text with a blank for each comment."""
    return _COMMENT.sub(" ", sql)


def _is_idle(statement: StatementTrace, table: str) -> bool:
    written = statement.rows.get(table)
    return statement.locks.get(table) is LockMode.ROW_EXCLUSIVE and not (written and written.total)


def _only_read(statement: StatementTrace) -> bool:
    """Return whether a statement used tables within it and wrote nothing, though its text may write."""
    if not statement.used_within or wrote(statement) or changes_schema(statement):
        return False
    text = without_comments(statement.sql)
    return _BLOCK.match(text) is None or _MAY_WRITE.search(text) is not None


def _targets(statement: StatementTrace) -> Iterator[str]:
    """Name the tables that the statements of a text are to write rows of by what they find, and wrote none."""
    parts = list(pieces(statement.sql))
    written = [table for table, rows in statement.rows.items() if rows.total]
    for part in parts if len(parts) > 1 else ():
        yield from (name for name in target(part) if not any(is_named(name, table) for table in written))


def target(piece: str) -> list[str]:
    """Return the name of the table that a statement is to write rows of by what it finds, if it has one."""
    found = _TARGET.search(piece) if _FINDS.match(piece) else None
    return [found["name"]] if found else []


def pieces(sql: str) -> Iterator[str]:
    """Return the statements of a text, with what stands in quotes left out, names but for."""
    text = _TEXT.sub(lambda found: found[0] if found[0].startswith('"') else " ", sql)
    return (piece.strip() for piece in text.split(";") if piece.strip())


def _follows(trace: RevisionTrace, table: str, other: str, rows: RowCounts) -> bool:
    """Return whether rows of a table follow those of another that were written, by a key that cascades."""
    for name in names_of(trace.before, "constraint"):
        if split(name)[0] == table:
            key = _KEY.search(str(attributes(trace.before, "constraint", name).get("definition")))
            if key and is_named(key["name"], other):
                actions = {found[1] for found in _FOLLOWS.finditer(key["actions"])}
                return bool(("DELETE" in actions and rows.deleted) or ("UPDATE" in actions and rows.updated))
    return False


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
