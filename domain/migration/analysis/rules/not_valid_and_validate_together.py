"""A constraint is added NOT VALID and validated in the same transaction.

VALIDATE CONSTRAINT blocks neither reads nor writes when it runs alone. But the lock of ADD CONSTRAINT is held until the
transaction ends. In one transaction, the validation scans the table under that lock, and reads and writes wait as they
would without NOT VALID. The safe way is to commit in between:

    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email")
    op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")
"""

from collections.abc import Iterator

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import constraints_on
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import TakenOver, added_before, comments, on_table
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.form import together
from domain.migration.forms.validated_constraint import ValidatedConstraint
from domain.migration.names import mention, split
from domain.migration.op_code import execute, in_autocommit
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "not-valid-and-validate-together"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BLOCKS = True
BAD = Example(
    USERS,
    """
op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")
""",
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
    """Report validations that run under the lock of an earlier statement."""
    advice = "Commit before the validation: validate in an autocommit block, or in the next revision."
    return work_diagnostics(trace, statistics, Cause.VALIDATION, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    text = trace.upgrade[item.work.statement].sql
    if "not valid" in text.lower():
        return None
    names = [name for name in constraints_on(trace, item.work.table, item.work.statement) if mention(name).search(text)]
    steps = [
        ValidatedConstraint(*split(name), str(attributes(trace.after, "constraint", name)["definition"])).at_once
        for name in names
    ]
    if not steps:
        return in_autocommit(execute(text))
    # The downgrade that is there restores a constraint of the same name.
    replaces = any(attributes(trace.before, "constraint", name) for name in names)
    additions = {name: added_before(trace, item.work.statement, on_table(name)) for name in names}
    taken_over = comments(
        TakenOver(addition, f"ADD CONSTRAINT {split(name)[1]}")
        for name, addition in additions.items()
        if addition is not None
    )
    return taken_over + (together(steps).code if replaces else together(steps).fix)
