"""The rule `constraint-validated-at-once`: where it speaks, and where it does not."""

from domain.migration.locks import LockMode
from tests.unit.domain.migration.analysis.rules.shared import CHECK, EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, constraint, index, revision, step


def test_check_validated_at_once() -> None:
    """ADD CHECK reads every row under ACCESS EXCLUSIVE; NOT VALID reads none."""
    sql = "ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '')"
    trace = revision(step(sql, 1, EXCLUSIVE, scanned={USERS: 2000}), after={**BASE, **CHECK})
    found = diagnostic(trace, "constraint-validated-at-once")
    assert "NOT VALID" in str(found.fix)
    assert "VALIDATE CONSTRAINT ck_email" in str(found.fix)
    assert codes(revision(step(sql + " NOT VALID", 1, EXCLUSIVE), after={**BASE, **CHECK})) == {}


def test_foreign_key_validated_at_once() -> None:
    """ADD FOREIGN KEY looks up every row while writes of both tables wait."""
    key = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)")
    locks = dict.fromkeys((ORDERS, USERS), LockMode.SHARE_ROW_EXCLUSIVE)
    sql = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
    after = {**BASE, **key, **index("ix", ORDERS, "btree (user_id)")}
    trace = revision(step(sql, locks=locks, scanned={ORDERS: 2000, USERS: 2000}), after=after)
    assert codes(trace) == {"constraint-validated-at-once": "error"}
    assert "NOT VALID" in str(diagnostic(trace, "constraint-validated-at-once").fix)


def test_unique_constraint_builds_its_index_under_the_lock() -> None:
    """ADD UNIQUE builds an index under ACCESS EXCLUSIVE; the safe form adopts one."""
    unique = {
        **constraint(f"{USERS}.uq", "unique", "UNIQUE (email)"),
        **index("uq", USERS, unique=True, constraint="uq"),
    }
    add = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE (email)", 1, EXCLUSIVE, indexes_built=("public.uq",))
    found = diagnostic(revision(add, after={**BASE, **unique}), "constraint-validated-at-once")
    assert "CREATE UNIQUE INDEX CONCURRENTLY uq" in str(found.fix)
    assert "UNIQUE USING INDEX uq" in str(found.fix)
    adopt = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX uq", 1, EXCLUSIVE)
    assert codes(revision(adopt, after={**BASE, **unique})) == {}
