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

from domain.migration.definitions import column_definition
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms import build_index, dropped_column, not_null, validated_constraint
from domain.migration.impact import BlockedWork, is_partitioned
from domain.migration.index_definition import key_columns
from domain.migration.judging import (
    Cause,
    added,
    attributes,
    bare,
    constraints_on,
    schema_argument,
    split,
    work_diagnostics,
)
from domain.migration.op_code import execute, lines, quoted, revised
from domain.migration.rule import USERS, Example
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "constraint-validated-at-once"
SEVERITY = Severity.ERROR
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
            undo = [f"op.drop_constraint({quoted(bare(name))}, {quoted(bare(table))}{schema_argument(table)})"
                    for name in reversed(forms)]  # fmt: skip
            undo += [dropped_column(table, name) for name in reversed(columns)]
            # what the first block commits is there when the revision runs again
            return revised(lines(*columns.values(), *forms.values()), *undo)
    return None


def _columns(trace: RevisionTrace, table: str, statement: int, definitions: str) -> dict[str, str]:
    """Add the columns that are new and come with the constraint, in one statement or before it, or that it names."""
    made = {changed.name for changed in trace.upgrade[statement].created if changed.kind == "table column"}
    return {
        name: execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column_definition(name, trace.after)}")
        for name in added(trace, "column")
        if trace.after is not None
        and split(name)[0] == table
        and (name in made or re.search(rf"(?<!\w){re.escape(bare(name))}(?!\w)", definitions))
    }


def _form(trace: RevisionTrace, table: str, constraint: str) -> str | None:
    held = attributes(trace.after, "constraint", constraint)
    name, kind, definition = split(constraint)[1], held.get("type"), held.get("definition")
    if kind == "check" or (kind == "foreign key" and not is_partitioned(trace, table)):
        return validated_constraint(table, name, str(definition))
    if kind in {"unique", "primary key"} and not is_partitioned(trace, table):
        built = attributes(trace.after, "index", f"{split(table)[0]}.{name}").get("definition")
        if built:
            required = [f"{table}.{column}" for column in key_columns(str(built))] if kind == "primary key" else []
            adopt = f"ALTER TABLE {table} ADD CONSTRAINT {name} {str(kind).upper()} USING INDEX {name}"
            adopt += str(definition).rpartition(")")[2]  # when it is checked
            return lines(
                *(
                    not_null(table, split(column)[1])
                    for column in required
                    if not attributes(trace.before, "column", column).get("not_null")
                ),
                build_index(str(built)),
                execute(adopt),
            )
    return None
