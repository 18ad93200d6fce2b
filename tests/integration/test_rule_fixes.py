"""Code that rules propose passes the product: pasted in, a bad example is safe, resumes after kills and is exact."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.rule import ORDERS, OWN_REVISION, USERS, Example
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Severity
from domain.migration.op_code import DOWNGRADE
from domain.migration.verification.proof import RevisionProof
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = [pytest.mark.one_major, pytest.mark.long]

RULES = {rule.code: rule for rule in all_rules()}
ROWS = 1200
# Where the code says that it belongs beside what is there; elsewhere it takes its place.
BEFORE = {"depends-on-time-zone", "foreign-key-without-index", "lock-without-timeout"}
AFTER = {"ann-options-without-reindex", "sequence-behind-rows"}
# Where it takes the place of the last statement only.
LAST = {"ivfflat-on-empty-table"}
# Bad examples for which there is no code: a person has to decide.
UNDECIDED = {
    "acts-with-other-rights",
    "ann-index-too-many-dimensions",
    "breaks-old-code",
    "catalog-written",
    "changed-unseen",
    "did-nothing",
    "duplicate-index",
    "empty-in-sandbox",
    "enum-value-removed",
    "extension-without-permission",
    "fails-on-existing-rows",
    "fails-when-fresh",
    "locks-pile-up",
    "not-in-sandbox",
    "not-seen-at-work",
    "partition-of-live-parent",
    "row-security-changed",
    "rows-contradict-catalog",
    "rows-must-fit",
    "schema-and-data-together",
    "undeclared-dimension-under-index",
    "unique-index-may-fail",
    "unknown-share",
    "waits-under-lock",
    "work-under-lock",
}
# What no code brings back: said by the revision itself, as `verify` proposes it.
DECLARED = {
    "enum-value-used-in-its-transaction": ("irreversible", 'irreversible = "an enum keeps its values"'),
    "extension-with-known-defects": ("irreversible", 'irreversible = "an extension does not go back"'),
    "unbatched-write": ("irreversible", 'irreversible = "the values before are gone"'),
    "lossy-downgrade": ("lossy", ""),
}

# Old code may name the columns of the key in ON CONFLICT, whatever code replaces the key.
CONTRACTS = {"primary key of other columns"}

Prove = Callable[..., RevisionProof]


@dataclass(frozen=True)
class Pasted:
    """A bad example with the proposed code in it."""

    example: Example
    declarations: str = field(default="")


@pytest.fixture
def prove(server: Server, tmp_path: Path) -> Prove:
    """Analyze and verify an example after its setup, kills included."""

    def run(
        example: Example, declarations: str = "", only: str = "round-trip,repeat,compat", docstring: str = "r2"
    ) -> RevisionProof:
        folder = tmp_path / f"history{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        history = History(folder)
        extension = "CREATE EXTENSION IF NOT EXISTS vector;" if "vector(" in example.setup else ""
        statements = [part.strip() for part in f"{extension}{example.setup}".split(";") if part.strip()]
        history.add("r1", None, "\n".join(f"op.execute(sa.text({part!r}))" for part in statements) or "pass")
        history.add("r2", "r1", example.upgrade, example.downgrade)
        path = folder / "r2.py"
        text = path.read_text(encoding="utf-8") + f"\n\n{declarations}\n"
        path.write_text(text.replace('"""r2"""', f'"""{docstring}"""'), encoding="utf-8")
        asked = VerificationRequest("r2", only, folder / "certificates.json")
        (proof,) = verified(server, history.plain_ini(), asked, rows=ROWS).proofs
        return proof

    return run


def paste(code: str, example: Example, fix: str) -> Pasted:
    """Put proposed code into a revision, as its reader would."""
    lines = fix.splitlines()
    declarations = "\n".join(line for line in lines if line.startswith(("lossy_downgrade =", "irreversible =")))
    upgrade, found, downgrade = "\n".join(line for line in lines if line not in declarations).partition(DOWNGRADE)
    body = "\n".join(line.removeprefix("    ") for line in downgrade.splitlines() if line.strip())
    body = re.sub(r"^\.\.\.  # .*$", lambda _: example.downgrade, body, flags=re.MULTILINE)
    if not upgrade.strip():
        new = example.upgrade
    elif code in BEFORE:
        new = f"{upgrade}\n{example.upgrade}"
    elif code in AFTER | LAST:
        there = example.upgrade.splitlines()
        new = "\n".join([*(there if code in AFTER else there[:-1]), upgrade])
    else:
        new = upgrade
    return Pasted(Example(example.setup, new, body if found else example.downgrade), declarations)


# Other forms of the same advice.
_EVENTS = """
CREATE TABLE events (id bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10000);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10000) TO (20000);
INSERT INTO events SELECT n, 'note' FROM generate_series(9000, 11000) AS n;
"""
MORE = {
    "index of partitions": (
        "blocking-index-build",
        Example(_EVENTS, 'op.create_index("ix_events_note", "events", ["note"])', 'op.drop_index("ix_events_note")'),
    ),
    "check of partitions": (
        "constraint-validated-at-once",
        Example(
            _EVENTS,
            'op.create_check_constraint("ck", "events", "note <> \'\'")',
            'op.drop_constraint("ck", "events")',
        ),
    ),
    "serial column": (
        "table-rewrite",
        Example(USERS, 'op.execute("ALTER TABLE users ADD n bigserial")', 'op.drop_column("users", "n")'),
    ),
    "new partition": (
        "partition-of-live-parent",
        Example(
            _EVENTS,
            'op.execute("CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20000) TO (30000)")',
            'op.drop_table("events_3")',
        ),
    ),
    "unique constraint": (
        "constraint-validated-at-once",
        Example(
            USERS, 'op.create_unique_constraint("uq", "users", ["id", "email"])', 'op.drop_constraint("uq", "users")'
        ),
    ),
    "key of a new column": (
        "constraint-validated-at-once",
        Example(
            ORDERS,
            'op.add_column("orders", sa.Column("buyer", sa.BigInteger(), sa.ForeignKey("users.id", name="fk")))',
            'op.drop_column("orders", "buyer")',
        ),
    ),
    "check of texts made anew": (
        "constraint-validated-at-once",
        Example(
            "CREATE TABLE pets (id bigint PRIMARY KEY, kind varchar NOT NULL CONSTRAINT ck CHECK (kind IN ('a', 'b')))",
            'op.drop_constraint("ck", "pets")\n'
            "op.create_check_constraint(\"ck\", \"pets\", \"kind IN ('a', 'b', 'it''s')\")",
            'op.drop_constraint("ck", "pets")\nop.create_check_constraint("ck", "pets", "kind IN (\'cat\', \'dog\')")',
        ),
    ),
    "key made anew": (
        "constraint-validated-at-once",
        Example(
            f"{ORDERS}; ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users",
            'op.drop_constraint("fk", "orders")\n'
            'op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"], ondelete="CASCADE")',
            'op.drop_constraint("fk", "orders")\nop.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])',
        ),
    ),
    "primary key": (
        "constraint-validated-at-once",
        Example(
            "CREATE TABLE logs (n bigint, note text)",
            'op.create_primary_key("logs_pkey", "logs", ["n"])',
            'op.drop_constraint("logs_pkey", "logs")\nop.alter_column("logs", "n", nullable=True)',
        ),
    ),
    "primary key of other columns": (
        "constraint-validated-at-once",
        Example(
            "CREATE TABLE logs (n bigint PRIMARY KEY, part int NOT NULL)",
            'op.execute("ALTER TABLE logs DROP CONSTRAINT logs_pkey, ADD CONSTRAINT logs_pkey PRIMARY KEY (n, part)")',
            'op.execute("ALTER TABLE logs DROP CONSTRAINT logs_pkey, ADD CONSTRAINT logs_pkey PRIMARY KEY (n)")',
        ),
    ),
    "index of other columns": (
        "blocking-index-build",
        Example(
            f"{USERS}; CREATE INDEX ix ON users (name)",
            'op.drop_index("ix", "users")\nop.create_index("ix", "users", ["name", "email"])',
            'op.drop_index("ix", "users")\nop.create_index("ix", "users", ["name"])',
        ),
    ),
    "table in another schema": (
        "drop-or-rename-in-use",
        Example(
            f"CREATE SCHEMA shop; {USERS}",
            'op.execute("ALTER TABLE users SET SCHEMA shop")',
            'op.execute("ALTER TABLE shop.users SET SCHEMA public")',
        ),
    ),
    # The column of the rule's own example has no values, so that nothing is proved of it.
    "zone": (
        "depends-on-time-zone",
        Example(
            "CREATE TABLE visits (id bigint PRIMARY KEY, at timestamp)",
            'op.alter_column("visits", "at", type_=sa.DateTime(timezone=True))',
            'op.alter_column("visits", "at", type_=sa.DateTime())',
        ),
    ),
    "identity": (
        "required-column",
        Example(
            "CREATE TABLE parts (id bigint, number int NOT NULL, PRIMARY KEY (id, number))",
            'op.execute("ALTER TABLE parts ALTER number ADD GENERATED ALWAYS AS IDENTITY")',
            'op.execute("ALTER TABLE parts ALTER number DROP IDENTITY")',
        ),
    ),
    "not null of partitions": (
        "set-not-null-scan",
        Example(
            _EVENTS,
            "op.execute(\"UPDATE events SET note = '' WHERE note IS NULL\")\n"
            'op.alter_column("events", "note", nullable=False)',
            'op.alter_column("events", "note", nullable=True)',
        ),
    ),
    "column of partitions": (
        "table-rewrite",
        Example(
            _EVENTS,
            'op.execute("ALTER TABLE events ADD token uuid DEFAULT gen_random_uuid()")',
            'op.drop_column("events", "token")',
        ),
    ),
    "batches by a key of two columns": (
        "unbatched-write",
        Example(
            'CREATE TABLE parts (id uuid, "No" int, note text, PRIMARY KEY (id, "No"))',
            "op.execute(\"UPDATE parts SET note = 'none'\")",
            'raise NotImplementedError("the notes stay")',
        ),
    ),
    "second column beside one of its usual name": (
        "table-rewrite",
        Example(
            "CREATE TABLE parts (id bigint PRIMARY KEY, size int, size_new text)",
            'op.alter_column("parts", "size", type_=sa.BigInteger())',
            'op.alter_column("parts", "size", type_=sa.Integer())',
        ),
    ),
    "check beside one of its usual name": (
        "set-not-null-scan",
        Example(
            f"{USERS}; ALTER TABLE users ADD CONSTRAINT ck_public_users_name_not_null CHECK (name <> ''), "
            "ADD CONSTRAINT ck_users_name_not_null CHECK (email <> '')",
            'op.alter_column("users", "name", nullable=False)',
            'op.alter_column("users", "name", nullable=True)',
        ),
    ),
    "key beside an index of its usual name": (
        "constraint-validated-at-once",
        Example(
            "CREATE TABLE logs (n bigint CONSTRAINT uq UNIQUE, part int); CREATE INDEX uq_new ON logs (part)",
            'op.execute("ALTER TABLE logs DROP CONSTRAINT uq, ADD CONSTRAINT uq UNIQUE (n) INCLUDE (part)")',
            'op.execute("ALTER TABLE logs DROP CONSTRAINT uq, ADD CONSTRAINT uq UNIQUE (n)")',
        ),
    ),
    "renamed table": (
        "drop-or-rename-in-use",
        Example(USERS, 'op.rename_table("users", "accounts")', 'op.rename_table("accounts", "users")'),
    ),
}


@pytest.mark.some(1)
@pytest.mark.parametrize("name", MORE)
def test_other_forms_pass(name: str, prove: Prove) -> None:
    """So does what is proposed for partitions, serial columns, keys and renamed tables."""
    _prove_fix(*MORE[name], prove, contract=name in CONTRACTS)


def test_the_index_of_a_key_of_partitions_passes(prove: Prove) -> None:
    """Of a partitioned table, the proposed index is built partition by partition; the key then has its index."""
    code = "foreign-key-without-index"
    example = Example(
        f"{USERS};{_EVENTS}ALTER TABLE events ADD owner bigint",
        'op.execute("ALTER TABLE events ADD CONSTRAINT fk FOREIGN KEY (owner) REFERENCES users")',
        'op.drop_constraint("fk", "events")',
    )
    (fix,) = (str(one.fix) for one in prove(example, only="compat").analysis.diagnostics if one.code == code)
    pasted = paste(code, example, fix).example
    with_key = prove(pasted, only="compat")
    alone = prove(
        Example(
            example.setup,
            pasted.upgrade.removesuffix(example.upgrade),
            pasted.downgrade.removeprefix(example.downgrade),
        )
    )

    assert code not in {one.code for one in with_key.analysis.diagnostics}
    assert with_key.analysis.trace.after is not None
    assert alone.analysis.verdict == "safe"
    assert alone.repetition is not None
    assert alone.repetition.survived == alone.repetition.kills > 0
    assert alone.certificate is not None
    assert alone.certificate.reversibility.value == "exact"


def test_each_statement_has_code_of_its_own(prove: Prove) -> None:
    """Of two keys to one table, each finding's code is about its own; the second says what the block commits."""
    code = "constraint-validated-at-once"
    tables = "CREATE TABLE a (id bigint PRIMARY KEY, u bigint); CREATE TABLE b (id bigint PRIMARY KEY, u bigint)"
    keys = [f'op.create_foreign_key("fk_{table}", "{table}", "users", ["u"], ["id"])' for table in ("a", "b")]
    back = [f'op.drop_constraint("fk_{table}", "{table}")' for table in ("b", "a")]
    proof = prove(Example(f"{USERS};{tables}", "\n".join(keys), "\n".join(back)), only="compat")
    first, second = (one for one in proof.analysis.diagnostics if one.code == code)

    assert "fk_a" in str(first.fix)
    assert "fk_b" not in str(first.fix)
    assert "fk_b" in str(second.fix)
    assert "fk_a" not in str(second.fix)
    assert [OWN_REVISION in one.help for one in (first, second)] == [False, True]


def test_a_column_that_another_statement_requires(prove: Prove) -> None:
    """The code of a column that must be set says which statement of the revision to take out with it."""
    add = 'op.add_column("users", sa.Column("n", sa.Integer()))\nop.execute("UPDATE users SET n = 1")'
    required = Example(USERS, f'{add}\nop.alter_column("users", "n", nullable=False)', 'op.drop_column("users", "n")')
    (fix,) = (one.fix for one in prove(required, only="compat").analysis.diagnostics if one.code == "required-column")

    assert "# Take out SET NOT NULL (statement 3).\n" in str(fix)


def test_an_index_made_anew_in_a_revision_that_fails(prove: Prove) -> None:
    """Where a later statement fails, nobody knows the index, and there is no code for it."""
    upgrade = (
        'op.drop_index("ix", "users")\nop.create_index("ix", "users", ["email"])\nop.execute("DROP TABLE nothing")'
    )
    proof = prove(Example(f"{USERS}; CREATE INDEX ix ON users (name)", upgrade, "pass"))

    assert "upgrade-fails" in proof.analysis.reasons
    assert [one.fix for one in proof.analysis.diagnostics if one.code == "blocking-index-build"] == [None]


@pytest.mark.some(10)
@pytest.mark.parametrize("code", sorted(RULES.keys() - UNDECIDED - {MORE["zone"][0]}))
def test_the_proposed_code_passes(code: str, prove: Prove) -> None:
    """What a rule says to write instead of its bad example is safe, survives every kill, and is exact."""
    _prove_fix(code, RULES[code].bad, prove)


def _prove_fix(code: str, example: Example, prove: Prove, *, contract: bool = False) -> None:
    bad = prove(example, only="round-trip,compat")
    fixes = [one.fix for one in bad.analysis.diagnostics if one.code == code and one.fix]
    fixes = fixes or [one.fix for one in bad.diagnostics if one.fix]
    reversibility, declared = DECLARED.get(code, ("exact", ""))
    pasted = paste(code, example, fixes[0])
    docstring = "Phase: contract" if contract or reversibility == "lossy" else "r2"
    proof = prove(pasted.example, f"{pasted.declarations}\n{declared}", docstring=docstring)
    text = f"{pasted.example.upgrade}\n---\n{pasted.example.downgrade}\n{pasted.declarations}"
    said = [str(one) for one in (*proof.analysis.diagnostics, *proof.diagnostics)]

    assert proof.analysis.verdict == "safe", (text, said)
    assert code not in {one.code for one in proof.analysis.diagnostics if not one.suppressed_reason}, (text, said)
    assert not [one for one in proof.diagnostics if one.severity is Severity.ERROR], (text, said)
    assert proof.repetition is not None
    assert proof.repetition.survived == proof.repetition.kills > 0, text
    assert proof.certificate is not None
    assert proof.certificate.reversibility.value == reversibility, text
