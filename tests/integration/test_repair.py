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
from tests.integration.forgotten_downgrades import BASE, FORGOTTEN, PROVED, SERVER
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

Base = tuple[psycopg.Connection[Any], Connection]


@pytest.fixture(scope="module")
def base_url(server: Server) -> Iterator[str]:
    """A database as `BASE` makes it."""
    name = "hexalembic_repair"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        with psycopg.connect(server.url(name)) as own:
            own.execute(BASE.encode())
            own.execute(SERVER.encode())
        yield server.url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        connection.execute("REVOKE SET ON PARAMETER work_mem FROM app_clerk; DROP ROLE app_clerk, app_staff")


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
