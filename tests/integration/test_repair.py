"""The corrected downgrade: for each kind of thing that a downgrade forgets, the derived code makes it exact."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from adapter.bootstrap.verify import VerificationRequest, render_verification
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.postgres.engine import tooling_engine
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.verify import VerificationReport
from domain.migration.op_code import execute
from domain.migration.repair.definitions import literal, usual_storage
from domain.migration.repair.derivation import derive
from domain.migration.repair.renames import read_renames
from domain.migration.snapshot import SchemaSnapshot, compare
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

BASE = """
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN age AS integer DEFAULT 1 CHECK (VALUE >= 0);
CREATE TYPE span AS RANGE (SUBTYPE = integer);
CREATE TYPE place AS (town text, zip integer);
CREATE SEQUENCE tickets INCREMENT BY 5 CACHE 3;
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80) NOT NULL CONSTRAINT people_email UNIQUE,
    name text DEFAULT 'nobody', years age, mood mood DEFAULT 'glad', note text, size integer,
    twice integer GENERATED ALWAYS AS (size * 2) STORED, embedding vector(3),
    CONSTRAINT size_positive CHECK (size > 0 OR size <= 0)
);
CREATE TABLE "Pets" (id integer PRIMARY KEY, owner bigint CONSTRAINT pets_owner REFERENCES people ON DELETE CASCADE,
                     name text);
ALTER TABLE "Pets" CLUSTER ON "Pets_pkey";
ALTER INDEX "Pets_pkey" SET (fillfactor = 70);
COMMENT ON INDEX "Pets_pkey" IS 'one for each pet';
CREATE TABLE events (id integer, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE empty (id integer PRIMARY KEY, place place, span span);
ALTER TABLE empty REPLICA IDENTITY USING INDEX empty_pkey;
CREATE INDEX ix_people_name ON people (lower(name)) WHERE size > 3;
CREATE INDEX ix_people_embedding ON people USING hnsw (embedding vector_l2_ops) WITH (m = 8);
CREATE INDEX ix_events ON events (at);
CREATE STATISTICS people_stats ON name, size FROM people;
CREATE VIEW grown AS SELECT id, name, size FROM people WHERE size > 17;
CREATE VIEW older AS SELECT id FROM grown WHERE size > 60;
CREATE MATERIALIZED VIEW names AS SELECT name, count(*) AS n FROM people GROUP BY name;
CREATE UNIQUE INDEX ix_names ON names (name);
CREATE FUNCTION shout(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(word) $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- 10% of :all
    NEW.note := 'a:b';
    RETURN NEW;
END
$$;
CREATE TRIGGER touched BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE quiet AS ON DELETE TO "Pets" DO ALSO NOTHING;
CREATE POLICY mine ON "Pets" USING (name = CURRENT_USER);
COMMENT ON TABLE people IS 'who it''s about';
COMMENT ON COLUMN people.name IS 'as they say: "it"';
GRANT SELECT, INSERT ON people TO PUBLIC;
"""

# What an upgrade does and its downgrade forgets.
FORGOTTEN = {
    "new_table": "CREATE TABLE pots (id serial PRIMARY KEY, lid integer REFERENCES pots, "
                 'pet integer REFERENCES "Pets")',
    "new_circle": "CREATE TABLE plan (id int PRIMARY KEY); "
                  "CREATE TABLE project (id int PRIMARY KEY, p int REFERENCES plan); "
                  "ALTER TABLE plan ADD p int REFERENCES project; CREATE TABLE kind (id int PRIMARY KEY); "
                  "CREATE TABLE a_task (id int PRIMARY KEY, k int REFERENCES kind, p int REFERENCES project)",
    "new_column": "ALTER TABLE people ADD nick text UNIQUE; CREATE INDEX ON people (nick)",
    "new_default": "ALTER TABLE people ALTER name SET DEFAULT 'x', ALTER size SET DEFAULT 3",
    "dropped_default": "ALTER TABLE people ALTER name DROP DEFAULT, ALTER mood DROP DEFAULT",
    "type": "DROP VIEW older, grown; ALTER TABLE people DROP twice, ALTER size TYPE bigint, "
            "ADD twice int GENERATED ALWAYS AS (size * 2) STORED; "
            "CREATE VIEW grown AS SELECT id, name, size FROM people WHERE size > 17; "
            "CREATE VIEW older AS SELECT id FROM grown WHERE size > 60",
    "longer": "ALTER TABLE people ALTER email TYPE varchar(200), ALTER note TYPE varchar",
    "not_null": "ALTER TABLE people ALTER email DROP NOT NULL",
    "identity": "ALTER TABLE people ALTER id DROP IDENTITY",
    "identity_kind": "ALTER TABLE people ALTER id SET GENERATED BY DEFAULT",
    "new_identity": "ALTER TABLE empty ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
    "storage": "ALTER TABLE people ALTER name SET STORAGE external, ALTER embedding SET STORAGE plain, "
               "ALTER note SET STATISTICS 500, ALTER note SET (n_distinct = 5), ALTER note SET COMPRESSION pglz",
    "generated": "ALTER TABLE people ALTER twice DROP EXPRESSION",
    "generated_dropped": "ALTER TABLE people DROP twice",
    "comment": "COMMENT ON TABLE people IS NULL; COMMENT ON COLUMN people.name IS 'x'; "
               "COMMENT ON INDEX ix_events IS 'y'",
    "new_check": "ALTER TABLE people ADD CONSTRAINT c CHECK (size IS NOT NULL OR true) NOT VALID",
    "dropped_check": "ALTER TABLE people DROP CONSTRAINT size_positive",
    "changed_check": "ALTER TABLE people DROP CONSTRAINT size_positive, "
                     "ADD CONSTRAINT size_positive CHECK (size > -1000 OR true)",
    "foreign_key": 'ALTER TABLE "Pets" DROP CONSTRAINT pets_owner, '
                   'ADD CONSTRAINT pets_owner FOREIGN KEY (owner) REFERENCES people ON DELETE RESTRICT',
    "dropped_unique": "ALTER TABLE people DROP CONSTRAINT people_email",
    "dropped_key": "ALTER TABLE people DROP CONSTRAINT people_pkey CASCADE",
    "key_with_marks": 'ALTER TABLE "Pets" DROP CONSTRAINT "Pets_pkey", '
                      'ADD CONSTRAINT "Pets_pkey" PRIMARY KEY (id) DEFERRABLE',
    "dropped_key_with_marks": 'ALTER TABLE "Pets" DROP CONSTRAINT "Pets_pkey"',
    "replica_identity": "ALTER TABLE empty REPLICA IDENTITY FULL",
    "dropped_replica_identity": "ALTER TABLE empty DROP CONSTRAINT empty_pkey",
    "new_index": "CREATE INDEX ix_new ON people (size) INCLUDE (name)",
    "dropped_index": "DROP INDEX ix_people_name, ix_people_embedding",
    "changed_index": "ALTER INDEX ix_people_embedding SET (m = 16); ALTER INDEX ix_people_name SET (fillfactor = 70)",
    "another_index": "DROP INDEX ix_people_name; CREATE INDEX ix_people_name ON people (name)",
    "clustered": "CLUSTER people USING people_pkey",
    "partitioned_index": "DROP INDEX ix_events",
    "detached": "ALTER TABLE events DETACH PARTITION events_2025",
    "new_partition": "CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "table_options": 'ALTER TABLE "Pets" SET (fillfactor = 70), SET UNLOGGED, ENABLE ROW LEVEL SECURITY, '
                     'FORCE ROW LEVEL SECURITY, REPLICA IDENTITY FULL, SET (toast.autovacuum_enabled = off)',
    "dropped_view": "DROP VIEW older, grown",
    "changed_view": "CREATE OR REPLACE VIEW grown AS SELECT id, name, size, note FROM people WHERE size > 16",
    "dropped_materialized_view": "DROP MATERIALIZED VIEW names",
    "new_view": 'CREATE VIEW pets AS SELECT * FROM "Pets"; '
                "CREATE VIEW named AS SELECT * FROM pets WHERE name <> ''",
    "function": "CREATE OR REPLACE FUNCTION shout(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT word $$",
    "function_result": "DROP FUNCTION shout; CREATE FUNCTION shout(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "dropped_trigger": "DROP TRIGGER touched ON people; DROP FUNCTION touch",
    "disabled_trigger": "ALTER TABLE people DISABLE TRIGGER touched",
    "new_trigger": "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
                   "CREATE TRIGGER g AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()",
    "rule": 'DROP RULE quiet ON "Pets"; CREATE RULE loud AS ON UPDATE TO "Pets" DO ALSO NOTHING',
    "policy": 'ALTER POLICY mine ON "Pets" USING (true); CREATE POLICY other ON "Pets" FOR SELECT USING (true)',
    "dropped_policy": 'DROP POLICY mine ON "Pets"',
    "statistics": "DROP STATISTICS people_stats; CREATE STATISTICS more ON name, note FROM people",
    "sequence": "ALTER SEQUENCE tickets INCREMENT BY 1 CACHE 1 OWNED BY people.size; CREATE SEQUENCE more",
    "dropped_sequence": "DROP SEQUENCE tickets",
    "dropped_types": "ALTER TABLE empty DROP place, DROP span; DROP TYPE place, span",
    "new_type": "CREATE TYPE color AS ENUM ('red'); ALTER TABLE people ADD color color",
    "renamed_value": "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
    "domain": "ALTER DOMAIN age SET DEFAULT 2; ALTER DOMAIN age DROP CONSTRAINT age_check; "
              "ALTER DOMAIN age ADD CONSTRAINT age_high CHECK (VALUE > -5)",
    "renamed_column": "ALTER TABLE people RENAME name TO full_name",
    "renamed_table": 'ALTER TABLE "Pets" RENAME TO animals; ALTER TABLE animals RENAME COLUMN name TO title; '
                     'ALTER INDEX "Pets_pkey" RENAME TO animals_pkey',
    "renamed_constraint": "ALTER TABLE people RENAME CONSTRAINT people_email TO email_once",
    "renamed_to_a_keyword": 'ALTER TABLE people RENAME COLUMN name TO "position"; '
                            'ALTER TABLE "Pets" RENAME CONSTRAINT pets_owner TO "of_people"; '
                            'ALTER TABLE "events" RENAME COLUMN "id" TO Number',
    "renamed_to_another_name_that_is_there": "ALTER TABLE people RENAME COLUMN name TO events; "
                                             "ALTER INDEX ix_events RENAME TO iy",
    "another_table_of_the_name": "ALTER TABLE people RENAME TO folk; "
                                 "CREATE TABLE people (LIKE folk INCLUDING ALL); DROP VIEW older, grown",
    "renamed_materialized_view": "ALTER MATERIALIZED VIEW names RENAME TO all_names",
    "renamed_constraint_of_a_domain": "ALTER DOMAIN age RENAME CONSTRAINT age_check TO positive",
    "renamed_attribute": "ALTER TYPE place RENAME ATTRIBUTE zip TO code",
    "renamed_value_in_a_default": "ALTER TYPE mood RENAME VALUE 'glad' TO 'happy'",
    "moved_table": "CREATE SCHEMA shop; ALTER TABLE people SET SCHEMA shop; ALTER TABLE empty SET SCHEMA shop; "
                   "ALTER TABLE events SET SCHEMA shop",
    "moved_others": "CREATE SCHEMA shop; ALTER TYPE mood SET SCHEMA shop; ALTER DOMAIN age SET SCHEMA shop; "
                    "ALTER MATERIALIZED VIEW names SET SCHEMA shop; ALTER SEQUENCE tickets SET SCHEMA shop",
    "type_of_partitions": "ALTER TABLE events ALTER id TYPE bigint, ALTER id SET NOT NULL",
    "type_of_a_generated_column": "ALTER TABLE people ALTER twice TYPE bigint",
    "new_attribute": "ALTER TYPE place ADD ATTRIBUTE street text",
    "dropped_attribute": "ALTER TYPE place DROP ATTRIBUTE zip",
    "schema": "CREATE SCHEMA shop; CREATE TABLE shop.things (id integer PRIMARY KEY); "
              'CREATE COLLATION shop.c FROM "C"',
    "privileges": 'REVOKE INSERT ON people FROM PUBLIC; GRANT SELECT (name) ON "Pets" TO PUBLIC; '
                  'REVOKE EXECUTE ON FUNCTION shout FROM PUBLIC; '
                  'GRANT UPDATE ON "Pets" TO CURRENT_USER WITH GRANT OPTION',
    "publication": "CREATE PUBLICATION p FOR TABLE people; COMMENT ON SCHEMA public IS 'x'",
    "cast": "CREATE FUNCTION to_int(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'; "
            "CREATE CAST (mood AS integer) WITH FUNCTION to_int(mood)",
}  # fmt: skip


# Those that are taken the whole way, from `migrate verify` to a certificate.
PROVED = {
    name: FORGOTTEN[name]
    for name in (
        "new_table", "new_column", "new_default", "dropped_default", "type", "longer", "not_null", "identity",
        "generated_dropped", "comment", "new_check", "changed_check", "foreign_key", "dropped_key", "new_index",
        "dropped_index", "detached", "new_partition", "dropped_view", "dropped_materialized_view", "function",
        "dropped_trigger", "policy", "renamed_column", "renamed_table", "renamed_value", "privileges",
    )
}  # fmt: skip

Base = tuple[psycopg.Connection[Any], Connection]


@pytest.fixture(scope="module")
def base_url(server: Server) -> Iterator[str]:
    """A database as `BASE` makes it."""
    name = "hexalembic_repair"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with psycopg.connect(server.url(name)) as own:
            own.execute(BASE.encode())
        yield server.url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def base(base_url: str) -> Iterator[Base]:
    """A connection in a transaction that is rolled back, as the driver has it and as SQLAlchemy."""
    engine = tooling_engine(DatabaseURL.parse(base_url))
    with engine.connect() as connection:
        connection.begin()
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        yield driver, connection
    engine.dispose()


@pytest.fixture
def verify(server: Server, history: History) -> Callable[[str], VerificationReport]:
    """Prove round trips on a sandbox of the tests' server, with the plainest env.py."""
    config = history.plain_ini()

    def run(wanted: str = "base:heads") -> VerificationReport:
        asked = VerificationRequest(wanted, "round-trip", history.folder.parent / "certificates.json")
        return verified(server, config, asked, rows=20)

    return run


def statements(sql: str) -> str:
    """Write SQL as the body of an upgrade."""
    return f"op.get_bind().exec_driver_sql({sql.replace('%', '%%')!r})"


def correct(path: Path, fix: str) -> None:
    """Do what the diagnostic says: replace the downgrade, or append to it."""
    text = path.read_text(encoding="utf-8")
    head, _, body = text.partition("def downgrade() -> None:\n")
    lines = [line for line in fix.splitlines() if not line.startswith("def downgrade")]
    if lines[0].strip().startswith("..."):
        lines[:1] = body.rstrip("\n").splitlines()
    path.write_text(head + "def downgrade() -> None:\n" + "\n".join(lines) + "\n", encoding="utf-8")


def fix_of(proof: RevisionProof) -> str:
    """Return the corrected downgrade that a failed proof says."""
    return next(one.fix for one in proof.diagnostics if one.fix is not None)


def test_usual_storage_is_that_of_the_server(base: Base) -> None:
    """For each type of Postgres that a column can have, and for arrays of it."""
    query = """
        SELECT format_type(oid, NULL), CASE typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                                       WHEN 'm' THEN 'main' ELSE 'extended' END
          FROM pg_type
         WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype <> 'p' AND typrelid = 0
    """
    storages = dict(base[0].execute(query).fetchall())
    assert {name: usual_storage(name, SchemaSnapshot({})) for name in storages} == storages


@pytest.mark.few(30)
@pytest.mark.parametrize("name", FORGOTTEN)
def test_each_kind(base: Base, name: str) -> None:
    """What is derived from the two catalogs leads from the one to the other."""
    driver, engine_connection = base
    before = snapshot(driver)
    driver.execute(FORGOTTEN[name].encode())
    forgotten = snapshot(driver)
    repair = derive(before, forgotten, read_renames([FORGOTTEN[name]], before))
    assert repair is not None
    assert (repair.unresolved, repair.refusal) == ((), None)
    code = repair.downgrade(whole=True)
    with Operations.context(MigrationContext.configure(engine_connection)) as op:
        scope: dict[str, Any] = {"op": op}
        exec(code, scope)  # noqa: S102 - that is what it is for
        scope["downgrade"]()

    assert not compare(before, snapshot(driver), ignore={"position"}), code


SAID = (
    r"\bfoo", " :b", ":b :c::d", 'a"b', "it's \"so\"", "100%", "%(a)s %s", r"\:a \\:b \: \x",
    "[[:upper:]]:$1", "two\nlines:a"
)  # fmt: skip


@pytest.mark.parametrize("text", SAID)
def test_code_reaches_the_database_as_it_is(base: Base, text: str) -> None:
    """Backslashes, colons, quotes and percent signs in proposed code arrive unchanged."""
    driver, engine_connection = base
    code = execute(f"COMMENT ON TABLE people IS {literal(text)}")
    with Operations.context(MigrationContext.configure(engine_connection)) as op:
        exec(code, {"op": op})  # noqa: S102 - that is what it is for

    assert driver.execute("SELECT obj_description('people'::regclass)").fetchone() == (text,)


@pytest.mark.exhaustive
@pytest.mark.long
def test_forgotten_downgrades(verify: Callable[[str], VerificationReport], history: History) -> None:
    """Each is found as silent, and is exact with the code that was derived."""
    history.add("base0", None, statements(BASE), "raise NotImplementedError('the base')")
    for name, sql in PROVED.items():
        history.add(name, "base0", statements(sql))
    found = {proof.analysis.trace.revision: proof for proof in verify("base0:heads").proofs}
    unsound = {name: one.message for name, proof in found.items() for one in proof.diagnostics if one.fix is None}
    assert not unsound
    silent = {name for name, proof in found.items() if "silent-downgrade" in {one.code for one in proof.diagnostics}}
    for name, proof in found.items():
        assert "left to do" not in fix_of(proof), name
        correct(history.folder / f"{name}.py", fix_of(proof))
    again = verify("base0:heads")
    wrong = {
        proof.analysis.trace.revision: [one.message for one in proof.diagnostics]
        + [fix_of(found[proof.analysis.trace.revision])]
        for proof in again.proofs
        if proof.certificate is None or proof.certificate.reversibility is not Reversibility.EXACT
    }

    assert silent == {*PROVED}
    assert not wrong, "\n".join(f"{name}: {chr(10).join(said)}" for name, said in wrong.items())


TABLE = "CREATE TABLE people (id integer PRIMARY KEY, name text, must text NOT NULL)"
PEOPLE = (f"op.execute({TABLE!r})", 'op.execute("DROP TABLE people")')


@pytest.mark.long
def test_what_cannot_be_derived(verify: Callable[[str], VerificationReport], history: History) -> None:
    """Lost rows are declared or refused, and an enum keeps its values; a failed statement is named with its line."""
    history.add("r1", None, *PEOPLE)
    history.add("nullable", "r1", "op.execute('ALTER TABLE people DROP name')", "op.execute('SELECT 1')")
    history.add("required", "r1", "op.execute('ALTER TABLE people DROP must')", "op.execute('SELECT 1')")
    history.add("failing", "r1", "op.execute('CREATE INDEX ix ON people (name)')", "op.execute('DROP INDEX iy')")
    history.add("enum1", "r1", "op.execute(\"CREATE TYPE e AS ENUM ('a')\")", "op.execute('DROP TYPE e')")
    history.add("enum2", "enum1", "op.execute(\"ALTER TYPE e ADD VALUE 'b'\")", "op.execute('SELECT 1')")
    found = {proof.analysis.trace.revision: proof for proof in verify("r1:heads").proofs}

    assert fix_of(found["nullable"]) == (
        "def downgrade() -> None:\n    ...  # what is there now, then:\n"
        '    op.execute("ALTER TABLE public.people ADD COLUMN name text")\n\n\n'
        'lossy_downgrade = {"public.people.name": "why this is accepted"}'
    )
    assert 'raise NotImplementedError("public.people.must is NOT NULL and its values are gone' in fix_of(
        found["required"]
    )
    (failing,) = found["failing"].diagnostics
    assert 'statement 1 of the downgrade (line 15: DROP INDEX iy): index "iy" does not exist' in failing.message
    assert failing.fix == 'def downgrade() -> None:\n    op.drop_index(op.f("ix"), table_name="people")\n'
    assert (
        found["nullable"]
        .diagnostics[0]
        .message.endswith("column public.people.name is missing (line 11: ALTER TABLE people DROP name).")
    )
    assert found["enum2"].trip is not None
    assert found["enum2"].trip.repair is not None
    assert "cannot be removed from the enum" in found["enum2"].trip.repair.unresolved[0]


@pytest.mark.long
def test_each_report_shows_the_code(verify: Callable[[str], VerificationReport], history: History) -> None:
    """Text, JSON, Markdown and JUnit have the corrected downgrade, the text once and ready to be copied."""
    history.add("r1", None, *PEOPLE)
    history.add("r2", "r1", "op.execute('ALTER TABLE people ADD a text, ADD b text')")
    history.add(
        "r3", "r1", "op.execute('ALTER TABLE people DROP name')", "op.execute('ALTER TABLE people ADD name text')"
    )
    declaration = "lossy_downgrade = {'public.people.name': 'nobody wants it'}"
    path = history.folder / "r3.py"
    path.write_text(path.read_text(encoding="utf-8") + declaration, encoding="utf-8")
    report = verify("r1:heads")

    for form in ("text", "json", "markdown", "junit"):
        text = render_verification(report, form, verbose=False, color=False)
        code = 'op.drop_column("people", "b")'
        assert (code in text) or (code.replace('"', '\\"') in text), form
        assert "r2" in text
    text = render_verification(report, "text", verbose=False, color=False)
    assert text.count("def downgrade() -> None:") == 1
    assert "accepted loss: public.people.name: all" in text
    verbose = render_verification(report, "text", verbose=True, color=False)
    assert "round trip: statements up 1, down 0; rows 20, tables 1" in verbose
