"""The rule `constraint-validated-at-once`: where it speaks, and where it does not."""

from dataclasses import replace

import pytest

from domain.migration.locks import LockMode
from domain.migration.snapshot import Value
from domain.migration.trace import StatementTrace
from tests.unit.domain.migration.analysis.rules.shared import CHECK, EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    column,
    constraint,
    index,
    revision,
    step,
    table,
    without,
)


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


ADD_CHECK = "ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '')"
UNIQUE: Objects = {
    **constraint(f"{USERS}.uq", "unique", "UNIQUE (email)"),
    **index("uq", USERS, unique=True, constraint="uq"),
}
ADD_UNIQUE = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE (email)", 1, EXCLUSIVE, indexes_built=("public.uq",))


def fixed(upgrade: StatementTrace, after: Objects, before: Objects = BASE) -> str | None:
    """The code that the rule proposes."""
    return diagnostic(revision(upgrade, before=before, after=after), "constraint-validated-at-once").fix


def test_an_index_that_cannot_be_adopted_gives_no_code() -> None:
    """That of a partitioned table, one that the catalog does not know, and EXCLUDE, which has no other form."""
    assert "USING INDEX uq" in str(fixed(ADD_UNIQUE, {**BASE, **UNIQUE}))
    partitioned = table(USERS, "id", "email", "name", kind="partitioned table")
    assert fixed(ADD_UNIQUE, {**BASE, **partitioned, **UNIQUE}) is None
    exclude = {**UNIQUE, **constraint(f"{USERS}.uq", "exclude", "EXCLUDE USING btree (email WITH =)")}
    assert fixed(ADD_UNIQUE, {**BASE, **exclude}) is None


def test_a_foreign_key_of_a_partitioned_table_gives_no_code() -> None:
    """NOT VALID is not for it; a CHECK takes it."""
    partitioned = table(USERS, "id", "email", "name", kind="partitioned table")
    scan = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000})
    key = constraint(f"{USERS}.ck_email", "foreign key", "FOREIGN KEY (email) REFERENCES public.orders(id)")
    assert fixed(scan, {**BASE, **partitioned, **CHECK}) is not None
    assert fixed(scan, {**BASE, **partitioned, **key}) is None
    assert fixed(scan, {**BASE, **key}) is not None


def test_a_new_column_that_the_constraint_names_is_added_first() -> None:
    """It goes from its own statement; one of another name or table, or that is used in between, is left where it is."""
    named = constraint(f"{USERS}.ck_email", "check", "CHECK ((plan <> ''::text))")
    scan = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000})
    after = {
        **BASE,
        **named,
        **column(f"{USERS}.plan"),
        **column(f"{USERS}.planet"),
        **column(f"{ORDERS}.plan"),
    }
    add = step("ALTER TABLE users ADD plan text", created=changed("table column", f"{USERS}.plan"))
    fix = str(diagnostic(revision(add, scan, after=after), "constraint-validated-at-once").fix)
    assert fix.startswith("# Take out ADD COLUMN plan (statement 1).\n")
    assert fix.count("ALTER TABLE public.users ADD COLUMN IF NOT EXISTS plan text") == 1
    assert fix.count("ADD COLUMN IF NOT EXISTS") == 1
    assert 'op.drop_column("users", "plan")' in fix
    use = step("UPDATE users SET plan = 'free'")
    assert "ADD COLUMN" not in str(
        diagnostic(revision(add, use, scan, after=after), "constraint-validated-at-once").fix
    )
    assert "ADD COLUMN" not in str(fixed(scan, after))
    alter = step("ALTER TABLE users ALTER plan DROP DEFAULT", altered=changed("table column", f"{USERS}.plan"))
    assert "ADD COLUMN" not in str(
        diagnostic(revision(add, scan, alter, after=after), "constraint-validated-at-once").fix
    )
    required = {**after, **column(f"{USERS}.plan", not_null=True)}
    assert "ADD COLUMN" not in str(diagnostic(revision(add, scan, after=required), "constraint-validated-at-once").fix)
    together = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000}, created=changed("table column", f"{USERS}.planet"))
    fix = str(diagnostic(revision(add, together, after=after), "constraint-validated-at-once").fix)
    assert fix.count("ADD COLUMN IF NOT EXISTS") == 2
    assert fix.count("# Take out") == 1
    inside = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000}, created=changed("index", f"{USERS}.planet"))
    assert "ADD COLUMN" not in str(fixed(inside, after))


@pytest.mark.parametrize(
    ("attributes", "rewritten", "said"),
    [
        ({}, False, "plan text"),
        ({"default": "'x'::text"}, False, "plan text DEFAULT 'x'::text"),
        ({"default": "random()"}, True, "plan text"),
        ({"generated": "stored", "expression": "(1)"}, True, None),
        ({"identity": "always"}, True, None),
        ({"generated": "virtual", "expression": "(1)"}, False, "plan text GENERATED ALWAYS AS ((1)) VIRTUAL"),
    ],
)
def test_how_a_new_column_comes(attributes: dict[str, Value], rewritten: bool, said: str | None) -> None:
    """With its default where that reads no row, else empty; one that would write the table anew has no such form."""
    named = constraint(f"{USERS}.ck_email", "check", "CHECK ((plan <> ''::text))")
    after = {**BASE, **named, **column(f"{USERS}.plan", **attributes)}  # type: ignore[arg-type]
    add = step(
        "ALTER TABLE users ADD COLUMN plan text",
        created=changed("table column", f"{USERS}.plan"),
        rewritten=(USERS,) if rewritten else (),
    )
    scan = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000})
    fix = diagnostic(revision(add, scan, after=after), "constraint-validated-at-once").fix
    assert (fix is None) is (said is None)
    assert said is None or f'ADD COLUMN IF NOT EXISTS {said}")' in str(fix)


def test_a_primary_key_proves_its_columns_first() -> None:
    """One that is NOT NULL already needs no proof, and a new column has no values that a key could have."""
    key: Objects = {
        **constraint(f"{ORDERS}.pk", "primary key", "PRIMARY KEY (id, user_id)"),
        **index("pk", ORDERS, "btree (id, user_id)", unique=True, constraint="pk"),
    }
    before = {**BASE, **column(f"{ORDERS}.id", not_null=True)}
    lock = {ORDERS: EXCLUSIVE}
    add = step(
        "ALTER TABLE orders ADD CONSTRAINT pk PRIMARY KEY (id, user_id)", locks=lock, indexes_built=("public.pk",)
    )
    fix = str(fixed(add, {**before, **key}, before))
    assert "ALTER COLUMN user_id SET NOT NULL" in fix
    assert "ALTER COLUMN id SET NOT NULL" not in fix
    assert "ALTER COLUMN user_id DROP NOT NULL" in fix
    assert fixed(add, {**BASE, **key}, without(BASE, f"{ORDERS}.user_id")) is None


def test_a_constraint_in_the_place_of_another_gives_that_back() -> None:
    """The downgrade makes the old one, without a look at rows if it had none."""
    old = constraint(f"{USERS}.ck_email", "check", "CHECK ((email <> 'x'::text))")
    scan = step(ADD_CHECK, 1, EXCLUSIVE, scanned={USERS: 2000})
    fix = str(fixed(scan, {**BASE, **CHECK}, {**BASE, **old}))
    assert "CHECK ((email <> 'x'::text)) NOT VALID" in fix.partition("def downgrade")[2]
    key = ("constraint", f"{USERS}.ck_email")
    unsound: Objects = {key: {**old[key], "validated": False, "definition": "CHECK ((email <> 'x'::text)) NOT VALID"}}
    fix = str(fixed(scan, {**BASE, **CHECK}, {**BASE, **unsound}))
    assert "VALIDATE" not in fix.partition("def downgrade")[2]
    assert "ADD CONSTRAINT ck_email CHECK ((email <> 'x'::text)) NOT VALID" in fix.partition("def downgrade")[2]


def test_a_foreign_key_to_a_key_of_the_same_revision_stands_behind_it() -> None:
    """Its code adds no column, which is there then, and restores no key that an earlier statement has dropped."""
    primary: Objects = {
        **index("users_pkey", USERS, "btree (id)", unique=True, constraint="users_pkey"),
        **constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)"),
    }
    new: Objects = {
        **column(f"{USERS}.part"),
        **column(f"{ORDERS}.part"),
        **index("users_pkey", USERS, "btree (part, id)", unique=True, constraint="users_pkey"),
    }
    key = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (part, user_id) REFERENCES public.users(part, id)")
    drop = step("ALTER TABLE orders DROP CONSTRAINT fk", dropped=changed("table constraint", f"fk on {ORDERS}"))
    sql = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (part, user_id) REFERENCES users (part, id)"
    add = step(sql, locks={ORDERS: LockMode.SHARE_ROW_EXCLUSIVE}, scanned={ORDERS: 2000})
    before, after = {**BASE, **primary}, {**BASE, **new, **key}

    fix = str(diagnostic(revision(drop, add, before=before, after=after), "constraint-validated-at-once").fix)
    assert "ADD COLUMN" not in fix
    assert "drop_column" not in fix
    assert fix.partition("def downgrade")[2].strip().endswith('op.drop_constraint("fk", "orders")')
    known = {**before, **index("uq", USERS, "btree (id, part)", unique=True)}
    fix = str(diagnostic(revision(drop, add, before=known, after=after), "constraint-validated-at-once").fix)
    assert fix.startswith("# Take out DROP CONSTRAINT fk (statement 1).\n")
    assert "FOREIGN KEY (user_id)" in fix.partition("def downgrade")[2]
    in_one = step(f"{sql}, DROP CONSTRAINT fk", locks=dict(add.locks), scanned={ORDERS: 2000})
    fix = str(diagnostic(revision(in_one, before=before, after=after), "constraint-validated-at-once").fix)
    assert "FOREIGN KEY (user_id)" in fix.partition("def downgrade")[2]


def test_a_key_takes_the_statement_along_that_adopts_its_index() -> None:
    """The index is built by one statement and adopted by a later one; the code does both."""
    unique = {
        **constraint(f"{USERS}.uq", "unique", "UNIQUE (email)"),
        **index("uq", USERS, unique=True, constraint="uq"),
    }
    build = step("CREATE UNIQUE INDEX uq ON users (email)", 1, EXCLUSIVE, indexes_built=("public.uq",))
    adopt = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX uq", 1, EXCLUSIVE)
    adopt = replace(adopt, created=changed("table constraint", f"uq on {USERS}"))
    fix = str(diagnostic(revision(build, adopt, after={**BASE, **unique}), "constraint-validated-at-once").fix)
    assert fix.startswith("# Take out ADD CONSTRAINT uq (statement 2).\n")


def test_a_key_without_overlaps_has_no_code() -> None:
    """Its index is a GiST index, which no constraint adopts."""
    unique = {
        **constraint(f"{USERS}.uq", "unique", "UNIQUE (id, during WITHOUT OVERLAPS)"),
        **index("uq", USERS, "gist (id, during)", unique=True, constraint="uq"),
    }
    add = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE", 1, EXCLUSIVE, indexes_built=("public.uq",))
    assert diagnostic(revision(add, after={**BASE, **unique}), "constraint-validated-at-once").fix is None
