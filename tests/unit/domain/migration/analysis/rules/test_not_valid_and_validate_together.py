"""The rule `not-valid-and-validate-together`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import CHECK, EXCLUSIVE, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, revision, step


def test_not_valid_and_validate_together() -> None:
    """VALIDATE in the transaction of ADD … NOT VALID scans under its lock; after a commit it does not."""
    add = step("ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '') NOT VALID", 1, EXCLUSIVE)
    validate = step("ALTER TABLE users VALIDATE CONSTRAINT ck_email", 1, None, scanned={USERS: 2000})
    after = {**BASE, **CHECK}
    assert codes(revision(add, validate, after=after)) == {"not-valid-and-validate-together": "error"}
    alone = replace(validate, transaction=None, locks={USERS: LIGHT})
    assert codes(revision(add, alone, after=after)) == {}
