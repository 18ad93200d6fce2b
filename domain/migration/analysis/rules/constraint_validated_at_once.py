"""A constraint is added and every existing row is checked for it while others wait.

ADD CONSTRAINT … CHECK and a UNIQUE, PRIMARY KEY or EXCLUDE constraint hold ACCESS EXCLUSIVE while they read the table
or build their index; a FOREIGN KEY holds SHARE ROW EXCLUSIVE on both tables while it looks up every row. The safe way
for checks and foreign keys is to add them NOT VALID, commit, and validate, which lets reads and writes go on:

    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email")
    op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")

and for unique and primary keys to build the index concurrently and adopt it:

    with op.get_context().autocommit_block():
        op.drop_index("uq_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("uq_users_email", "users", ["email"], unique=True, postgresql_concurrently=True)
    op.execute("ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE USING INDEX uq_users_email")

An exclusion constraint has no such form: put it on a new table and move the rows there.
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.forms import (
    added_empty,
    build_index,
    dropped_with_sequence,
    not_null,
    validated_constraint,
    with_suffix,
)
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.judging import Cause, added, constraints_on, statement_of, work_diagnostics
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.index_definition import key_columns
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, lines, quoted, revised
from domain.migration.repair.definitions import column_definition
from domain.migration.snapshot import SchemaSnapshot, attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "constraint-validated-at-once"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BLOCKS = True
BAD = Example(
    USERS,
    'op.create_check_constraint("ck_users_email", "users", "email <> \'\'")',
    'op.drop_constraint("ck_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email")
op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")
""",
    'op.drop_constraint("ck_users_email", "users")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Find constraints that read a table, or build an index, under a lock."""
    advice = "Add it without checking the rows that exist, commit, and check them without a lock that others feel."
    return work_diagnostics(trace, statistics, Cause.CONSTRAINT, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    tables = [item.work.table, *(window.table for window in item.windows)]
    for table in dict.fromkeys(tables):
        names = constraints_on(trace, table, item.work.statement)
        forms = {name: form for name in names if (form := _form(trace, table, name))}
        if forms:
            said = " ".join(str(attributes(trace.after, "constraint", name)["definition"]) for name in forms)
            columns = _columns(trace, table, item.work.statement, said)
            if None in columns.values():
                return None
            undo = [_undo(trace, table, name) for name in reversed(forms)]
            undo += [
                execute(f"ALTER TABLE {table} ALTER COLUMN {split(column)[1]} DROP NOT NULL")
                for name in reversed(forms)
                for column in reversed(_required(trace, table, name))
            ]
            undo += [step for name in reversed(columns) for step in dropped_with_sequence(trace, name)]
            # what the first block commits is there when the revision runs again
            return revised(lines(*(one for one in columns.values() if one), *forms.values()), *undo)
    return None


def _columns(trace: RevisionTrace, table: str, statement: int, definitions: str) -> dict[str, str | None]:
    """Add the columns that are new and come with the constraint, in one statement or before it, or that it names.

    None stands for one that Postgres cannot add without writing the table anew.
    """
    made = {changed.name for changed in trace.upgrade[statement].created if changed.kind == "table column"}
    return {
        name: _column(trace, name)
        for name in added(trace, "column")
        if trace.after is not None
        and split(name)[0] == table
        and (name in made or re.search(rf"(?<!\w){re.escape(bare(name))}(?!\w)", definitions))
    }


def _column(trace: RevisionTrace, column: str) -> str | None:
    """Add a column without a look at the rows; where each would get another value, or there is none for them, empty."""
    table, held = split(column)[0], attributes(trace.after, "column", column)
    made = statement_of(trace, "column", column)
    rewritten = made is not None and table in trace.upgrade[made].rewritten
    if rewritten and (held.get("generated") or held.get("identity")):
        return None
    if rewritten or not (held.get("default") or held.get("generated") or held.get("identity")):
        return added_empty(trace, column, if_missing=True)
    assert trace.after is not None  # noqa: S101 - it is a column of that
    return execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column_definition(column, trace.after)}")


def _undo(trace: RevisionTrace, table: str, constraint: str) -> str:
    """Drop a constraint; where it took the place of another of its name, make that again."""
    held = attributes(trace.before, "constraint", constraint)
    if not held:
        return f"op.drop_constraint({quoted(bare(constraint))}, {quoted(bare(table))}{schema_argument(table)})"
    form = None if held.get("validated") is False else _made(trace.before, table, constraint, replaces=True)
    return form or execute(
        f"ALTER TABLE {table} DROP CONSTRAINT {split(constraint)[1]}, "
        f"ADD CONSTRAINT {split(constraint)[1]} {held['definition']}"
    )


def _form(trace: RevisionTrace, table: str, constraint: str) -> str | None:
    replaces = bool(attributes(trace.before, "constraint", constraint))
    form = _made(trace.after, table, constraint, replaces=replaces)
    required = _required(trace, table, constraint)
    # a new column is empty, which a primary key does not take
    if form is None or any(name in added(trace, "column") for name in required):
        return None
    return lines(*(not_null(table, split(name)[1]) for name in required), form)


def _required(trace: RevisionTrace, table: str, constraint: str) -> list[str]:
    """Name the columns that a primary key makes NOT NULL."""
    if attributes(trace.after, "constraint", constraint).get("type") != "primary key":
        return []
    index = attributes(trace.after, "index", f"{split(table)[0]}.{split(constraint)[1]}")
    columns = [f"{table}.{column}" for column in key_columns(str(index.get("definition", "")))]
    return [name for name in columns if not attributes(trace.before, "column", name).get("not_null")]


def _made(catalog: SchemaSnapshot | None, table: str, constraint: str, *, replaces: bool) -> str | None:
    """Make a constraint as a catalog has it, without work under a lock, maybe in the place of one of its name."""
    held = attributes(catalog, "constraint", constraint)
    name, kind, definition = split(constraint)[1], held.get("type"), held.get("definition")
    partitioned = attributes(catalog, "table", table).get("kind") == "partitioned table"
    if kind == "check" or (kind == "foreign key" and not partitioned):
        return validated_constraint(table, name, str(definition))
    built = attributes(catalog, "index", f"{split(table)[0]}.{name}").get("definition")
    if kind not in {"unique", "primary key"} or partitioned or not built:
        return None
    index, build = name, str(built)
    if replaces:
        # the old one keeps its name until both change places
        index = with_suffix(name, "_new")
        build = build.replace(f"INDEX {name} ON", f"INDEX {index} ON", 1)
    dropped = f"DROP CONSTRAINT {name}, " if replaces else ""
    adopt = f"ALTER TABLE {table} {dropped}ADD CONSTRAINT {name} {str(kind).upper()} USING INDEX {index}"
    return lines(build_index(build), execute(adopt + str(definition).rpartition(")")[2]))  # last: when it is checked
