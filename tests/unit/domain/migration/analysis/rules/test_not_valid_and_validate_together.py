"""The rule `not-valid-and-validate-together`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import CHECK, EXCLUSIVE, LIGHT, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, constraint, revision, step


def test_not_valid_and_validate_together() -> None:
    """VALIDATE in the transaction of ADD … NOT VALID scans under its lock; after a commit it does not."""
    add = step("ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '') NOT VALID", 1, EXCLUSIVE)
    validate = step("ALTER TABLE users VALIDATE CONSTRAINT ck_email", 1, None, scanned={USERS: 2000})
    after = {**BASE, **CHECK}
    assert codes(revision(add, validate, after=after)) == {"not-valid-and-validate-together": "error"}
    alone = replace(validate, transaction=None, locks={USERS: LIGHT})
    assert codes(revision(add, alone, after=after)) == {}


def test_the_code_for_a_validation() -> None:
    """The constraint that the statement names; where both are one statement, there is none."""
    add = step("ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '') NOT VALID", 1, EXCLUSIVE)
    other = constraint(f"{USERS}.other", "check", "CHECK (true)")
    after = {**BASE, **CHECK, **other}
    validate = step("ALTER TABLE users VALIDATE CONSTRAINT ck_email", 1, None, scanned={USERS: 2000})
    fix = str(diagnostic(revision(add, validate, after=after), "not-valid-and-validate-together").fix)
    assert "VALIDATE CONSTRAINT ck_email" in fix
    assert 'def downgrade() -> None:\n    op.drop_constraint("ck_email", "users")' in fix
    assert "other" not in fix
    replaced = {**BASE, **constraint(f"{USERS}.ck_email", "check", "CHECK (false)")}
    fix = str(diagnostic(revision(add, validate, before=replaced, after=after), "not-valid-and-validate-together").fix)
    assert "def downgrade" not in fix
    unknown = replace(validate, sql="ALTER TABLE users VALIDATE CONSTRAINT old")
    fix = str(diagnostic(revision(add, unknown, after=after), "not-valid-and-validate-together").fix)
    assert "VALIDATE CONSTRAINT old" in fix
    both = replace(validate, sql=f"{add.sql}; {validate.sql}")
    assert diagnostic(revision(add, both, after=after), "not-valid-and-validate-together").fix is None
