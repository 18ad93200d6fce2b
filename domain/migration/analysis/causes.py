"""Helpers of the rules: the cause of work under a lock, the changes of the schema, the wording of diagnostics."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum, auto
from itertools import groupby

from domain.migration.analysis.impact import (
    BlockedWork,
    LockWindow,
    Work,
    WorkKind,
    blocked_work,
    emptied_before,
    index_table,
    lock_windows,
)
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, split
from domain.migration.one_line import in_one_line
from domain.migration.snapshot import Value, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace, StatementTrace

Fix = Callable[[RevisionTrace, BlockedWork], str | None]


class Cause(Enum):
    """The cause of work on a table; one rule explains each."""

    REWRITE = auto()
    VECTOR_TYPE = auto()
    INDEX_BUILD = auto()
    CONSTRAINT = auto()
    VALIDATION = auto()
    NOT_NULL = auto()
    PARTITION = auto()
    VIEW = auto()
    DATA = auto()
    OTHER = auto()


class Failure(Enum):
    """The cause of a failed statement of the upgrade; one rule explains each."""

    ROWS = auto()
    ENUM_VALUE = auto()
    EXTENSION = auto()
    DIMENSIONS = auto()
    SANDBOX = auto()
    OTHER = auto()


def cause_of(trace: RevisionTrace, work: Work) -> Cause:
    """Return the cause of work, from measurements where there are any, otherwise from the text of the statement."""
    statement = trace.upgrade[work.statement]
    if work.kind is WorkKind.REWRITE:
        return Cause.VECTOR_TYPE if vector_type_changes(trace, work.table) else Cause.REWRITE
    if work.kind is WorkKind.INDEX:
        return Cause.CONSTRAINT if any(constraint_of(trace, name) for name in work.indexes) else Cause.INDEX_BUILD
    if work.kind in {WorkKind.WRITE, WorkKind.LOCK, WorkKind.INSERT} or not is_ddl(statement):
        return Cause.DATA
    return _scan_cause(statement.sql)


def failures(trace: RevisionTrace, kind: Failure) -> Iterator[tuple[int, StatementTrace]]:
    """Return the statements that failed for one cause; none if the revision caught the error."""
    if trace.after is not None and not trace.went_on:
        return
    for index, statement in enumerate(trace.upgrade):
        if statement.error is not None and _failure(statement, of_rows=bool(trace.rows_error)) is kind:
            yield index, statement


def is_ddl(statement: StatementTrace) -> bool:
    """Return whether a statement changes the schema."""
    return bool(statement.created or statement.altered or statement.dropped) or _DDL.match(statement.sql) is not None


def added(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist after the upgrade and not before, sorted by name."""
    return _moved(trace, kind)[0]


def removed(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist before the upgrade and not after, sorted by name."""
    return _moved(trace, kind)[1]


def kept(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist before and after the upgrade, sorted by name."""
    return _moved(trace, kind)[2]


def _moved(trace: RevisionTrace, kind: str) -> tuple[list[str], list[str], list[str]]:
    """Return the added, removed and kept objects of a kind; all empty if one of the two schemas is not known."""
    if trace.before is None or trace.after is None:
        return [], [], []
    key = f"moved {kind}"
    if key not in trace.memo:
        before, after = names_of(trace.before, kind), names_of(trace.after, kind)
        trace.memo[key] = sorted(after - before), sorted(before - after), sorted(before & after)
    moved: tuple[list[str], list[str], list[str]] = trace.memo[key]
    return moved


def statement_of(trace: RevisionTrace, kind: str, name: str) -> int | None:
    """Return the index of the statement that created, altered or dropped an object.

    The event triggers of Postgres decide. If they report no statement, the first one that names the object counts.
    """
    objects = {ChangedObject(kind, name), ChangedObject(f"table {kind}", name)}
    for index, statement in enumerate(trace.upgrade):
        if objects & {*statement.created, *statement.altered, *statement.dropped}:
            return index
    pattern = re.compile(rf"(?<!\w){re.escape(bare(name))}(?!\w)")
    return next((index for index, statement in enumerate(trace.upgrade) if pattern.search(statement.sql)), None)


def is_optional(trace: RevisionTrace, column: str) -> bool:
    """Return whether a column had a default, an identity or an expression before, so that INSERTs could omit it."""
    definition = attributes(trace.before, "column", column)
    return any(definition.get(attribute) for attribute in ("default", "identity", "generated"))


def refuses_what_it_needed(trace: RevisionTrace, column: str) -> bool:
    """Return whether INSERTs had to set a column that now refuses values."""
    before, after = attributes(trace.before, "column", column), attributes(trace.after, "column", column)
    return bool(before["not_null"]) and not is_optional(trace, column) and after.get("identity") == "always"


def made_constraints(trace: RevisionTrace) -> list[str]:
    """Return the constraints that the upgrade added, including those that replace one of the same name."""
    if "made constraints" not in trace.memo:
        replaced = [name for name in kept(trace, "constraint") if _is_another(trace, "constraint", name)]
        trace.memo["made constraints"] = sorted([*added(trace, "constraint"), *replaced])
    constraints: list[str] = trace.memo["made constraints"]
    return constraints


def is_index_made_anew(trace: RevisionTrace, index: str) -> bool:
    """Return whether the upgrade replaced an index by another one of the same name."""
    return bool(attributes(trace.before, "index", index)) and _is_another(trace, "index", index)


def _is_another(trace: RevisionTrace, kind: str, name: str) -> bool:
    before, after = (
        str(attributes(state, kind, name).get("definition")).removesuffix(" NOT VALID")
        for state in (trace.before, trace.after)
    )
    return before != after


def constraint_of(trace: RevisionTrace, index: str) -> str | None:
    """Return the constraint that an index belongs to, if the upgrade added it."""
    constraint = attributes(trace.after, "index", index).get("constraint")
    if constraint is None:
        return None
    name = f"{index_table(trace, index)}.{constraint}"
    return name if name in made_constraints(trace) else None


def constraints_on(trace: RevisionTrace, table: str, statement: int) -> list[str]:
    """Return the constraints that the upgrade added to a table; if the statement names some, only these."""
    constraints = [name for name in made_constraints(trace) if split(name)[0] == table]
    named = [
        name
        for name in constraints
        if re.search(rf"(?<!\w){re.escape(bare(name))}(?!\w)", trace.upgrade[statement].sql)
    ]
    return named or constraints


def renamed_by(trace: RevisionTrace, old: str, new: str) -> int | None:
    """Return the index of the statement whose text renames a column, table or other object; None if there is none."""
    if "renames" not in trace.memo:
        statements = enumerate(trace.upgrade)
        trace.memo["renames"] = [index for index, statement in statements if _RENAME.search(statement.sql)]
    if not trace.memo["renames"]:
        return None
    pattern = re.compile(
        rf'(?<!\w){re.escape(bare(old))}"?\s+(?:RENAME\s+)?TO\s+"?{re.escape(bare(new))}(?!\w)', re.IGNORECASE
    )
    return next((index for index in trace.memo["renames"] if pattern.search(trace.upgrade[index].sql)), None)


def vector_dimensions(type_name: Value) -> tuple[str, int | None] | None:
    """Return the name and the dimensions of a pgvector type, the latter None if undeclared; None for another type."""
    match = _VECTOR.search(str(type_name))
    return (match.group(1), int(match.group(2)) if match.group(2) else None) if match else None


def vector_type_changes(trace: RevisionTrace, table: str) -> list[str]:
    """Return the columns of a table whose type changed from or to a type of pgvector."""
    return [
        name
        for name in kept(trace, "column")
        if split(name)[0] == table
        for before, after in [(attributes(trace.before, "column", name), attributes(trace.after, "column", name))]
        if before["type"] != after["type"] and (vector_dimensions(before["type"]) or vector_dimensions(after["type"]))
    ]


def index_uses(trace: RevisionTrace, index: str, column: str) -> bool:
    """Return whether the definition of an index names a column."""
    definition = str(attributes(trace.after, "index", index).get("definition", ""))
    return re.search(rf"(?<!\w){re.escape(bare(column))}(?!\w)", definition.partition(" USING ")[2]) is not None


def is_live(trace: RevisionTrace, table: str, statement: int) -> bool:
    """Return whether a table is in use: it existed before, and the revision has not emptied it."""
    return table in trace.tables and table not in emptied_before(trace, statement)


def refuses(trace: RevisionTrace) -> bool:
    """Return whether the downgrade refuses with a message, or with any exception where the revision is irreversible.

    A failed statement is no refusal, unless it raised a message of the author (SQLSTATE P0001). An accident in Python,
    such as a NameError, is no refusal either, unless a `raise` in the revision caused it. In a revision that declares
    that there is no way back, the reason is the message.
    """
    if trace.downgrade_error is None:
        return False
    failed = [statement for statement in trace.downgrade or () if statement.error is not None]
    if failed:
        return all(statement.sqlstate == "P0001" for statement in failed)
    if trace.irreversible:
        return True
    message = _PLACE.sub("", trace.downgrade_error.strip())
    name, _, rest = message.partition(":")
    type_name = trace.downgrade_error_type or name
    has_message = (
        message not in {"", type_name} if trace.downgrade_error_type else bool(rest.strip() or not _is_name(name))
    )
    accident = type_name in _ACCIDENTS or _ACCIDENT.search(message) is not None
    return has_message and (raises(trace.source, trace.downgrade_error) or not accident)


def _is_name(text: str) -> bool:
    return _EXCEPTION.fullmatch(text) is not None


def raises(source: str, error: str) -> bool:
    """Return whether the line that an error names is a `raise` or `assert` of the revision."""
    place = _PLACE.search(error.strip())
    if place is None:
        return False
    line = int(place.group(1))
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.Raise | ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in nodes
    )


def work_diagnostics(
    trace: RevisionTrace, statistics: Statistics, cause: Cause, code: str, advice: str, *, fix: Fix | None = None
) -> Iterator[Diagnostic]:
    """Return a diagnostic for each statement that does work under a blocking lock for one cause.

    Args:
        trace: Trace of the revision.
        statistics: Statistics of the target.
        cause: Cause that the rule explains.
        code: Code of the rule.
        advice: Help text of the diagnostics.
        fix: Function that returns the suggested fix; None for none.
    """
    items = [item for item in blocked_work(trace, statistics) if cause_of(trace, item.work) is cause]
    for statement, group in groupby(items, key=lambda item: item.work.statement):
        blocked = list(group)
        activity = _activity([item.work for item in blocked])
        yield Diagnostic(
            code=code,
            severity=Severity.ERROR,
            statement=statement,
            relation=blocked[0].work.table,
            message=f"{label(trace, statement)} {activity}, while {waiting(blocked[0].windows, statement)}.",
            help=advice,
            fix=fix(trace, blocked[0]) if fix else None,
        )


def _activity(works: Sequence[Work]) -> str:
    """Return what work a statement does, with each table if they are few."""
    kinds = dict.fromkeys(work.kind for work in works)
    if len(works) <= _SHOWN + 1:
        return " and ".join(f"{work.kind.value} {work.table}" for work in works)
    return " and ".join(f"{kind.value} {listed([work.table for work in works if work.kind is kind])}" for kind in kinds)


def label(trace: RevisionTrace, statement: int) -> str:
    """Return how a sentence refers to a statement: its number from 1, and the beginning of its text."""
    return f"Statement {statement + 1} ({in_one_line(trace.upgrade[statement].sql, _WIDTH)})"


def waiting(windows: Iterable[LockWindow], statement: int) -> str:
    """Return what waits for some locks, and until when; of many tables the first ones, and the number of others."""
    by_table: dict[str, list[LockWindow]] = {}
    for window in windows:
        by_table.setdefault(window.table, []).append(window)
    shown = list(by_table) if len(by_table) <= _SHOWN + 1 else list(by_table)[:_SHOWN]
    tables_by_wait: dict[tuple[str, str], list[str]] = {}
    for table in shown:
        for window in by_table[table]:
            tables = tables_by_wait.setdefault(_wait(window, statement), [])
            tables += [table] if table not in tables else []
    sentences = [f"{who} of {listed(tables)} wait {until}" for (who, until), tables in tables_by_wait.items()]
    others = len(by_table) - len(shown)
    return " and ".join([*sentences, *([f"so do those of {others} other tables"] if others else [])])


def listed(tables: Sequence[str]) -> str:
    """Return table names in a list; of many tables the first ones, and the number of others."""
    if len(tables) <= _SHOWN + 2:
        return ", ".join(tables)
    return f"{', '.join(tables[:_SHOWN])} and {len(tables) - _SHOWN} other tables"


def blocking_tables(trace: RevisionTrace) -> dict[int, dict[str, LockWindow]]:
    """Return the blocking locks on live tables, by the statement that takes them and by table."""
    blocking: dict[int, dict[str, LockWindow]] = {}
    for window in lock_windows(trace):
        if window.blocks and is_live(trace, window.table, window.from_statement):
            blocking.setdefault(window.from_statement, {})[window.table] = window
    return blocking


def end_of(window: LockWindow) -> str:
    """Return when a lock is released."""
    if window.to_statement == window.from_statement:
        return "until it has finished"
    return f"until the transaction ends with statement {window.to_statement + 1}"


def _wait(window: LockWindow, statement: int) -> tuple[str, str]:
    """Return what waits, and until when."""
    who = "reads and writes" if window.blocks_reads else "writes"
    if window.kind == "sequence":
        who = "calls of nextval()" if window.relation == window.table else "INSERTs"
    if window.to_statement == statement:
        until = "until it has finished"
    else:
        until = f"until the transaction ends with statement {window.to_statement + 1}"
    return who, f"{until} ({window.mode.sql})"


def _scan_cause(text: str) -> Cause:
    for pattern, cause in _SCANS:
        if pattern.search(text):
            return cause
    return Cause.OTHER


def _failure(statement: StatementTrace, *, of_rows: bool) -> Failure:
    state, message = statement.sqlstate or "", statement.error or ""
    if state == "55P04":
        return Failure.ENUM_VALUE
    if state == "42501" and re.search(r"\bEXTENSION\b", statement.sql, re.IGNORECASE):
        return Failure.EXTENSION
    if re.search(r"cannot have more than \d+ dimensions|column does not have dimensions", message):
        return Failure.DIMENSIONS
    if state in _UNREACHABLE or (state in _REFUSED and re.match(_REFUSED[state], message)):
        return Failure.SANDBOX
    if state[:2] in {"54", "P0"}:
        return Failure.ROWS if of_rows else Failure.OTHER
    return Failure.ROWS if state[:2] in {"21", "22", "23"} and state != _PARAMETER else Failure.OTHER


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


# SQLSTATEs of a server that cannot connect to another server; a lost connection of the driver has other codes.
_UNREACHABLE = frozenset({"08001", "08006"})
# Errors of what only the sandbox refuses: settings of the server, privileges of the role, foreign tables.
_REFUSED = {
    "0A000": "ALTER SYSTEM is not allowed",
    "42501": "permission denied to |must be superuser",
    "55000": "access to non-system foreign table is restricted|foreign-data wrapper .* has no handler",
}
_PARAMETER = "22023"  # invalid_parameter_value: an invalid option, whatever the rows are
_WIDTH = 70
_SHOWN = 2  # tables that a sentence names when there are many
_VECTOR = re.compile(r'(?:^|\.)"?(vector|halfvec|sparsevec)"?(?:\((\d+)\))?$')
_EXCEPTION = re.compile(r"[\w.]*")
_RENAME = _pattern(r"\bRENAME\b")
_PLACE = re.compile(r"\s*\([^()]*\bline (\d+)\)$")
# Messages of mistakes by Python, SQLAlchemy and Alembic, for errors without the name of the exception.
_ACCIDENT = re.compile(
    r"name '\w+' is not defined|has no attribute '|object is not |required positional argument|"
    r"unexpected keyword argument|unsupported operand|No module named|cannot import name|it has no name"
)
_ACCIDENTS = frozenset({
    "ArgumentError",
    "AssertionError",
    "AttributeError",
    "CommandError",
    "CompileError",
    "ImportError",
    "IndexError",
    "KeyError",
    "ModuleNotFoundError",
    "NameError",
    "SyntaxError",
    "TypeError",
    "UnboundLocalError",
    "ValueError",
    "ZeroDivisionError",
})  # fmt: skip
_DDL = _pattern(r"\s*(ALTER|CREATE|DROP|TRUNCATE|REINDEX|CLUSTER|VACUUM|REFRESH|LOCK|COMMENT|GRANT|REVOKE)\b")
_SCANS = (
    (_pattern(r"\bALTER\s+DOMAIN\b"), Cause.OTHER),
    (_pattern(r"^\s*(REFRESH|CREATE)\s+MATERIALIZED\s+VIEW\b"), Cause.VIEW),
    (_pattern(r"\bPARTITION\b"), Cause.PARTITION),
    (_pattern(r"\bVALIDATE\s+CONSTRAINT\b"), Cause.VALIDATION),
    (_pattern(r"\bPRIMARY\s+KEY\b"), Cause.CONSTRAINT),
    (_pattern(r"\bSET\s+NOT\s+NULL\b"), Cause.NOT_NULL),
    (_pattern(r"\b(CHECK|REFERENCES|UNIQUE|EXCLUDE|CONSTRAINT)\b"), Cause.CONSTRAINT),
)
