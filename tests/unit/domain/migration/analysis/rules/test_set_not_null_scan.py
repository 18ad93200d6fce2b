"""The rule `set-not-null-scan`: where it speaks, and where it does not."""

from domain.migration.trace import TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, column, revision, step, table


def test_set_not_null_scan() -> None:
    """SET NOT NULL reads every row, unless a valid CHECK has said it already."""
    sql = "ALTER TABLE users ALTER COLUMN email SET NOT NULL"
    after = {**BASE, **column(f"{USERS}.email", not_null=True)}
    found = diagnostic(revision(step(sql, 1, EXCLUSIVE, scanned={USERS: 2000}), after=after), "set-not-null-scan")
    assert 'op.execute("ALTER TABLE public.users ALTER COLUMN email SET NOT NULL")' in str(found.fix)
    assert codes(revision(step(sql, 1, EXCLUSIVE), after=after)) == {}


def test_corrected_revisions_quote_what_needs_it() -> None:
    """Names with capitals keep their quotes in SQL and lose them in arguments of operations."""
    name = 'public."Users"'
    before = {**table(name), **column(f'{name}."Mail"')}
    after = {**table(name), **column(f'{name}."Mail"', not_null=True)}
    tables = {name: TableFacts(2000, 100_000)}
    alter = step('ALTER TABLE "Users" ALTER "Mail" SET NOT NULL', locks={name: EXCLUSIVE}, scanned={name: 2000})
    fix = str(diagnostic(revision(alter, before=before, after=after, tables=tables), "set-not-null-scan").fix)
    assert fix.splitlines() == [
        (
            'op.execute(\'ALTER TABLE public."Users" DROP CONSTRAINT IF EXISTS ck_users_mail_not_null, '
            'ADD CONSTRAINT ck_users_mail_not_null CHECK ("Mail" IS NOT NULL) NOT VALID\')'
        ),
        "# The block commits first, so that nothing is locked while the rows are read.",
        "with op.get_context().autocommit_block():",
        "    op.execute('ALTER TABLE public.\"Users\" VALIDATE CONSTRAINT ck_users_mail_not_null')",
        'op.execute(\'ALTER TABLE public."Users" ALTER COLUMN "Mail" SET NOT NULL\')',
        "op.execute('ALTER TABLE public.\"Users\" DROP CONSTRAINT ck_users_mail_not_null')",
        "",
        "",
        "def downgrade() -> None:",
        '    op.execute(\'ALTER TABLE public."Users" ALTER COLUMN "Mail" DROP NOT NULL\')',
    ]


def test_only_columns_that_became_not_null_are_proved() -> None:
    """Of that table, and of those that took NULL before."""
    before = {**BASE, **column(f"{USERS}.id", not_null=True)}
    after = {**before, **column(f"{USERS}.email", not_null=True), **column(f"{ORDERS}.id", not_null=True)}
    alter = step("ALTER TABLE users ALTER COLUMN email SET NOT NULL", 1, EXCLUSIVE, scanned={USERS: 2000})
    fix = str(diagnostic(revision(alter, before=before, after=after), "set-not-null-scan").fix)
    assert fix.count(" SET NOT NULL") == 1
    assert "orders" not in fix
    assert diagnostic(revision(alter, before=before, after=before), "set-not-null-scan").fix is None


def test_the_code_is_for_the_column_of_the_statement() -> None:
    """What another statement makes NOT NULL has code of its own."""
    after = {**BASE, **column(f"{USERS}.email", not_null=True), **column(f"{USERS}.name", not_null=True)}
    alter = step("ALTER TABLE users ALTER COLUMN email SET NOT NULL", 1, EXCLUSIVE, scanned={USERS: 2000})
    other = step("ALTER TABLE users ALTER COLUMN name SET NOT NULL", 1, EXCLUSIVE)
    fix = str(diagnostic(revision(alter, other, after=after), "set-not-null-scan").fix)
    assert "email" in fix
    assert "name" not in fix


def test_the_code_is_for_the_whole_of_a_partitioned_table() -> None:
    """A partition is what is read; its parent is what the statement is about."""
    events, bound = "public.events", "FOR VALUES FROM (1) TO (2)"
    parts = {**BASE, **table(events, "email", kind="partitioned table")}
    parts |= table(USERS, "email", parents=(events,), partition_bound=bound)
    after = {
        **parts,
        **column(f"{events}.email", not_null=True),
        **column(f"{USERS}.email", not_null=True, local=False),
    }
    alter = step("ALTER TABLE events ALTER COLUMN email SET NOT NULL", 1, EXCLUSIVE, scanned={USERS: 2000})
    fix = str(diagnostic(revision(alter, before=parts, after=after), "set-not-null-scan").fix)
    assert "ALTER TABLE public.events ALTER COLUMN email SET NOT NULL" in fix
    assert "public.users" not in fix
