"""SET NOT NULL scans the whole table under ACCESS EXCLUSIVE.

Postgres checks that no row has a NULL, and reads and writes wait for the scan. It skips the scan if a valid CHECK
constraint proves it. Such a constraint can be validated without blocking reads and writes. The safe way is to add and
validate the constraint first:

    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email_not_null")
    op.create_check_constraint("ck_users_email_not_null", "users", "email IS NOT NULL", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email_not_null")
    op.alter_column("users", "email", nullable=False)
    op.drop_constraint("ck_users_email_not_null", "users")
"""

from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import kept, named_in, through_parents
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.form import together
from domain.migration.forms.not_null import NotNull
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "set-not-null-scan"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BLOCKS = True
BAD = Example(
    USERS,
    'op.alter_column("users", "email", nullable=False)',
    'op.alter_column("users", "email", nullable=True)',
)
GOOD = Example(
    USERS,
    """
op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email_not_null")
op.create_check_constraint("ck_users_email_not_null", "users", "email IS NOT NULL", postgresql_not_valid=True)
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email_not_null")
op.alter_column("users", "email", nullable=False)
op.drop_constraint("ck_users_email_not_null", "users")
""",
    'op.alter_column("users", "email", nullable=True)',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report scans for NULLs under a blocking lock."""
    advice = "First add a CHECK (… IS NOT NULL) NOT VALID and validate it: SET NOT NULL then skips the scan."
    return work_diagnostics(trace, statistics, Cause.NOT_NULL, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    required = [
        name
        for name in kept(trace, "column")
        if attributes(trace.after, "column", name)["not_null"]
        and not attributes(trace.before, "column", name)["not_null"]
    ]
    columns = through_parents(trace.after, item.work.table, required)
    if not columns:
        return None
    named = named_in(trace, item.work.statement, columns)
    return together(NotNull.of(name, trace.before, trace.after).at_once for name in named).fix
