"""`migrate verify`: revisions are undone, repeated, killed, and met by old code; what holds is certified."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psycopg
import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions
from application.migration.verify import VerificationReport
from domain.migration.errors import UnknownNameError
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import CertificateError
from tests.conftest import SERVERS, Server
from tests.history import History

pytestmark = pytest.mark.one_major

Verify = Callable[..., VerificationReport]
PEOPLE = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL, age int)")'
DROP = 'op.execute("DROP TABLE people")'


@pytest.fixture
def verify(server: Server, history: History) -> Verify:
    """The use case, on a sandbox of the tests' server, with the plainest env.py."""
    config = history.plain_ini()

    def run(wanted: str = "base:heads", only: str = "round-trip,repeat,compat", **asked: Any) -> VerificationReport:
        request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=60)
        asked.setdefault("certificates", history.folder.parent / "certificates.json")
        return verify_revisions(request, VerificationRequest(wanted, only, **asked), lambda *_: None)

    return run


def by_revision(report: VerificationReport) -> dict[str, RevisionProof]:
    """Return the proofs by revision."""
    return {proof.analysis.trace.revision: proof for proof in report.proofs}


def codes(proof: RevisionProof) -> set[str]:
    """Name what is wrong."""
    return {diagnostic.code for diagnostic in proof.diagnostics}


def declare(history: History, revision: str, text: str) -> None:
    """Add a declaration to a revision."""
    path = history.folder / f"{revision}.py"
    path.write_text(path.read_text(encoding="utf-8") + f"\n\n{text}\n", encoding="utf-8")


@pytest.mark.long
def test_what_a_downgrade_gives_back(verify: Verify, history: History) -> None:
    """Exact, lossy and refusing downgrades are told apart by catalog and rows, and what is not declared fails."""
    drop = ('op.drop_column("people", "age")', 'op.add_column("people", sa.Column("age", sa.Integer()))')
    refuse = 'raise NotImplementedError("names cannot be had back")'
    scramble = "op.execute(\"UPDATE people SET name = 'x'\")"
    history.add("r1", None, PEOPLE, DROP)
    history.add("exact", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")')
    history.add("lossy", "r1", *drop)
    history.add("declared", "r1", *drop)
    declare(history, "declared", 'lossy_downgrade = {"public.people.age": "nobody wants it", "public.people.x": "?"}')
    history.add("refuses", "r1", scramble, refuse)
    history.add("final", "r1", scramble, refuse)
    history.add("bare", "r1", scramble, "raise NotImplementedError")
    for revision in ("final", "bare"):
        declare(history, revision, 'irreversible = "the names are gone"')
    history.add("silent", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', "pass")
    history.add("broken", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "m")')
    report = verify(only="round-trip")
    found = by_revision(report)

    assert report.failed
    kinds = {name: one.certificate and one.certificate.reversibility.value for name, one in found.items()}
    assert kinds == {
        "r1": "exact",
        "exact": "exact",
        "lossy": None,
        "declared": "lossy",
        "refuses": None,
        "final": "irreversible",
        "bare": "irreversible",
        "silent": None,
        "broken": None,
    }
    assert codes(found["lossy"]) == {"undeclared-loss"}
    assert "public.people.age: all" in found["lossy"].diagnostics[0].message
    assert codes(found["declared"]) == {"unused-declaration"}
    assert codes(found["refuses"]) == {"undeclared-irreversible"}
    assert "downgrade-fails" not in found["bare"].analysis.reasons
    assert codes(found["silent"]) >= {"silent-downgrade"}
    assert codes(found["broken"]) == {"downgrade-fails"}


@pytest.mark.long
def test_what_cannot_be_run_is_not_judged(verify: Verify, history: History) -> None:
    """What stands on a revision that fails is neither proved nor failed, is counted, and the command fails."""
    history.add("r1", None, PEOPLE, DROP)
    history.add("r2", "r1", 'op.execute("DROP TABLE nothing")')
    history.add("r3", "r2", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")')
    report = verify(only="round-trip")
    found = by_revision(report)

    assert (codes(found["r2"]), codes(found["r3"])) == ({"upgrade-fails"}, {"not-judged"})
    assert (found["r3"].failed, found["r3"].not_judged, found["r3"].certificate) == (False, True, None)
    assert "1 of 3 failed, 1 not judged, 1 exact" in render_verification(report, "text", verbose=False, color=False)
    junit = ET.fromstring(render_verification(report, "junit", verbose=False, color=False))  # noqa: S314
    assert (junit.get("failures"), junit.get("skipped")) == ("1", "1")
    (run,) = json.loads(render_verification(report, "sarif", verbose=False, color=False))["runs"]
    said = [(one["ruleId"], one["level"], run["tool"]["driver"]["rules"][one["ruleIndex"]]) for one in run["results"]]
    assert [(code, level) for code, level, _ in said] == [("upgrade-fails", "error"), ("not-judged", "warning")]
    assert all(rule["id"] == code and rule["help"]["markdown"] for code, _, rule in said)
    assert run["properties"] == {"certified": 1, "failed": 1, "notJudged": 1, "notProved": 0}
    assert verify("r3", only="round-trip").failed


@pytest.mark.long
def test_an_upgrade_that_refuses_the_rows(verify: Verify, history: History) -> None:
    """One that fails on rows has failed, though it could go on; one that runs without rows only is not proved."""
    history.add("r1", None, PEOPLE, DROP)
    required = 'op.add_column("people", sa.Column("n", sa.Text(), nullable=False))'
    more = 'op.add_column("people", sa.Column("m", sa.Text()))'
    back = 'op.drop_column("people", "m")'
    history.add("fails", "r1", f"{required}\n{more}", f'{back}\nop.drop_column("people", "n")')
    reads = 'for row in op.get_bind().execute(sa.text("SELECT age FROM people")):\n    row.age.name.first'
    history.add("reads", "r1", f"{reads}\n{more}", back)
    report = verify()
    found = by_revision(report)

    assert codes(found["fails"]) == {"upgrade-fails"}
    assert codes(found["reads"]) == {"rows-must-fit"}
    assert found["reads"].not_seen
    assert found["reads"].certificate is None
    assert {name for name, proof in found.items() if proof.failed} == {"fails"}


_SHOP = """
CREATE SCHEMA shop; CREATE TABLE shop.a (id bigserial PRIMARY KEY, n text); CREATE TYPE shop.mood AS ENUM ('x');
CREATE TABLE shop.b (id bigint PRIMARY KEY, a bigint REFERENCES shop.a); CREATE VIEW shop.v AS TABLE shop.a;
CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE people (id bigserial PRIMARY KEY, n text);
CREATE TABLE events (id bigint NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE first PARTITION OF events FOR VALUES FROM (0) TO (1000000);
CREATE TABLE second (id bigint NOT NULL CHECK (id >= 1000000 AND id < 2000000));
"""
_MOVES = {
    "table": ("ALTER TABLE people SET SCHEMA shop", "ALTER TABLE shop.people SET SCHEMA public"),
    "type": ("ALTER TYPE shop.mood SET SCHEMA public", "ALTER TYPE mood SET SCHEMA shop"),
    "schema": ("ALTER SCHEMA shop RENAME TO store", "ALTER SCHEMA store RENAME TO shop"),
    "attached": ("ALTER TABLE events ATTACH PARTITION second FOR VALUES FROM (1000000) TO (2000000)", None),
    "detached": ("ALTER TABLE events DETACH PARTITION first", None),
}


@pytest.mark.long
def test_what_moved_is_not_gone(verify: Verify, history: History) -> None:
    """One move is one error; rows that came into a partitioned table, or left it, with their table are not lost."""
    history.add("r1", None, f"op.execute({_SHOP!r})", "op.execute('DROP SCHEMA shop CASCADE')")
    for name, (there, back) in _MOVES.items():
        history.add(name, "r1", f"op.execute({there!r})", f"op.execute({back!r})" if back else "pass")
    found = by_revision(verify("r1:heads"))

    errors = {
        name: [(one.code, one.message.partition(", so")[0]) for one in found[name].analysis.diagnostics if one.unsafe]
        for name in ("table", "type", "schema")
    }
    assert errors == {
        "table": [("drop-or-rename-in-use", "The table public.people is now called shop.people")],
        "type": [("enum-value-removed", "The enum shop.mood is now called public.mood")],
        "schema": [("drop-or-rename-in-use", "The schema shop is now called store")],
    }
    for name in ("attached", "detached"):
        assert "silent-downgrade" in codes(found[name])
        assert "undeclared-loss" not in codes(found[name])
        assert "lossy-downgrade" not in found[name].analysis.reasons
        trip = found[name].trip
        assert trip is not None
        assert not trip.data.losses


ONE_WAY = {
    "enum": "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad'",
    "enum_once": "ALTER TYPE mood ADD VALUE 'glad'",
    "check": "ALTER TABLE people VALIDATE CONSTRAINT old",
    "domain": "ALTER DOMAIN age VALIDATE CONSTRAINT old",
    "not_null": "ALTER TABLE people VALIDATE CONSTRAINT named",
}


@pytest.mark.long
def test_what_postgres_cannot_undo(verify: Verify, history: History, server: Server) -> None:
    """A value of an enum and a validated constraint may stay: analyze and verify warn until it is declared."""
    known = {name: sql for name, sql in ONE_WAY.items() if server.major >= 18 or name != "not_null"}
    history.add(
        "r1",
        None,
        f"{PEOPLE}\nop.execute(\"CREATE TYPE mood AS ENUM ('sad')\")\nop.execute('CREATE DOMAIN age AS int')\n"
        "op.execute('ALTER TABLE people ADD CONSTRAINT old CHECK (id > -1000) NOT VALID')\n"
        "op.execute('ALTER DOMAIN age ADD CONSTRAINT old CHECK (VALUE > 0) NOT VALID')\n"
        + ("op.execute('ALTER TABLE people ADD CONSTRAINT named NOT NULL age NOT VALID')\n" * ("not_null" in known)),
        f"{DROP}\nop.execute('DROP TYPE mood')\nop.execute('DROP DOMAIN age')",
    )
    for name, sql in known.items():
        history.add(name, "r1", f"op.execute({sql!r})")
    add, drop = 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")'
    history.add("beside", "r1", f"op.execute({ONE_WAY['enum']!r})\n{add}", drop)
    history.add("forgotten", "r1", f"op.execute({ONE_WAY['enum']!r})\n{add}")
    history.add("declared", "r1", f"op.execute({ONE_WAY['enum']!r})")
    declare(history, "declared", 'lossy_downgrade = {"public.mood": "Postgres cannot undo it"}')
    found = by_revision(verify())

    for name in (*known, "beside"):
        proof = found[name]
        assert (name, proof.failed, proof.analysis.verdict) == (name, False, "safe")
        warned = [one for one in proof.diagnostics if one.code == "undeclared-loss"]
        assert [one.fix for one in warned if one.fix and one.fix.startswith("lossy_downgrade = ")], name
        assert proof.certificate is not None
        assert proof.certificate.reversibility.value == "lossy"
        said = {one.code for one in proof.analysis.diagnostics}
        assert said & {"missing-downgrade", "downgrade-differs"}, name
    assert "upgrade-fails-again" in codes(found["enum_once"])
    assert "upgrade-fails-again" not in codes(found["enum"])
    assert codes(found["forgotten"]) >= {"silent-downgrade"}
    assert "missing-downgrade" in found["forgotten"].analysis.reasons
    assert codes(found["declared"]) == set()
    assert [one.suppressed_reason for one in found["declared"].analysis.diagnostics] == ["Postgres cannot undo it"]


@pytest.mark.long
def test_an_upgrade_that_leads_elsewhere_after_the_downgrade(verify: Verify, history: History) -> None:
    """What a downgrade leaves behind and the next upgrade meets is found."""
    history.add("r1", None, PEOPLE, DROP)
    history.add("r2", "r1", 'op.execute("CREATE TABLE pets (id int)")', 'op.execute("ALTER TABLE pets RENAME TO kept")')
    declare(history, "r2", 'lossy_downgrade = {"public.kept": "kept on purpose", "public.kept.id": "so is this"}')
    history.add("r3", "r1", 'op.execute("CREATE TABLE pets (id int)")', 'op.execute("SELECT 1")')
    found = by_revision(verify(only="round-trip"))

    assert found["r2"].trip is not None
    assert codes(found["r3"]) == {"downgrade-fails"}
    assert "already exists" in found["r3"].diagnostics[0].message


@pytest.mark.long
def test_kills(verify: Verify, history: History) -> None:
    """Killed at any statement and run again, a revision that looks what is done ends as undisturbed; not another."""
    index = "CREATE INDEX CONCURRENTLY ix ON people (name)"
    block = "with op.get_context().autocommit_block():\n"
    roles = "CREATE TABLE roles (id serial PRIMARY KEY, made timestamptz NOT NULL DEFAULT clock_timestamp())"
    history.add("r1", None, f"{PEOPLE}\nop.execute({roles!r})", f'op.execute("DROP TABLE roles")\n{DROP}')
    history.add(
        "resumes",
        "r1",
        f'{block}    op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix")\n    op.execute("{index}")\n'
        '    op.execute("ALTER TABLE people ADD COLUMN IF NOT EXISTS n text")',
        'op.execute("ALTER TABLE people DROP COLUMN n")\nop.execute("DROP INDEX ix")',
    )
    history.add(
        "stumbles",
        "r1",
        f'{block}    op.execute("{index}")\n    op.execute("ALTER TABLE people ADD COLUMN n text")',
        'op.execute("ALTER TABLE people DROP COLUMN n")\nop.execute("DROP INDEX ix")',
    )
    history.add(
        "transaction",
        "r1",
        'op.execute("ALTER TABLE people ADD COLUMN n text")\nop.execute("ALTER TABLE people ADD COLUMN m text")',
        'op.execute("ALTER TABLE people DROP COLUMN n, DROP COLUMN m")',
    )
    history.add("seeds", "r1", 'op.execute("INSERT INTO roles DEFAULT VALUES")', 'raise NotImplementedError("no")')
    found = by_revision(verify("r1:heads", only="repeat"))
    kills = {name: (one.repetition.survived, one.repetition.kills) for name, one in found.items() if one.repetition}

    assert kills["transaction"] == (2, 2)
    assert kills["seeds"] == (1, 1)
    assert kills["resumes"] == (5, 5)
    survived, tried = kills["stumbles"]
    assert tried == 3
    assert survived == 0
    assert codes(found["stumbles"]) == {"not-resumable"}
    assert any("in the middle of CREATE INDEX CONCURRENTLY" in one.message for one in found["stumbles"].diagnostics)


@pytest.mark.long
def test_batches_that_are_killed_go_on(verify: Verify, history: History) -> None:
    """A backfill that selects what is left survives a kill after each batch, whatever its clock says."""
    history.add("r1", None, PEOPLE + '\nop.execute("ALTER TABLE people ADD touched timestamptz")', DROP)
    history.add(
        "r2",
        "r1",
        "with op.get_context().autocommit_block():\n"
        '    connection, batch = op.get_bind(), sa.text("UPDATE people SET age = -1, touched = clock_timestamp() "\n'
        '        "WHERE id IN (SELECT id FROM people WHERE age <> -1 OR age IS NULL LIMIT 25)")\n'
        "    while connection.execute(batch).rowcount:\n        pass",
        "pass",
    )
    proof = by_revision(verify("r2", only="repeat"))["r2"]

    assert proof.repetition is not None
    assert proof.repetition.kills == proof.repetition.survived == 4
    assert not proof.failed


def test_old_code_and_phases(verify: Verify, history: History) -> None:
    """Old statements must run after an expand; a declared contract may break them, and says which."""
    rename = (
        'op.alter_column("people", "age", new_column_name="years")',
        'op.alter_column("people", "years", new_column_name="age")',
    )
    history.add("r1", None, PEOPLE, DROP)
    history.add("expand", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")')
    history.add("rename", "r1", *rename)
    history.add("contract", "r1", *rename)
    path = history.folder / "contract.py"
    path.write_text(path.read_text(encoding="utf-8").replace('"""contract"""', '"""contract\n\nPhase: contract\n"""'))
    found = by_revision(verify("r1:heads", only="compat"))

    assert codes(found["expand"]) == set()
    assert found["expand"].new_code is not None
    assert {one.statement.table for one in found["expand"].new_code.broken} == {"public.people"}
    assert found["rename"].failed
    assert codes(found["rename"]) == {"breaks-old-code"}
    assert not found["contract"].failed
    assert codes(found["contract"]) == {"breaks-old-code"}


@pytest.mark.long
def test_certificates_are_kept(verify: Verify, history: History, empty_url: str) -> None:
    """Only changed revisions are proved again, and one that a database has must not have changed."""
    file = history.folder.parent / "certificates.json"
    history.add("r1", None, PEOPLE, DROP)
    history.add("r2", "r1", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")')
    first = verify(only="round-trip")
    content = file.read_text(encoding="utf-8")
    second = verify(only="round-trip")
    declare(history, "r2", "# another line")
    third = verify(only="round-trip")
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('r2')")
    assert not verify(only="round-trip", target=empty_url).failed
    declare(history, "r1", "# changed after it was applied")
    applied = verify(only="round-trip", target=empty_url)

    assert (len(first.proofs), len(second.proofs), len(second.certified)) == (2, 0, 2)
    assert json.loads(content)["schema"] == "hexalembic.certificates/1"
    assert list(by_revision(third)) == ["r2"]
    assert applied.failed
    assert [one.code for one in applied.diagnostics] == ["applied-revision-changed"]
    assert "r1" in applied.diagnostics[0].message


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_reports(verify: Verify, history: History) -> None:
    """Each format names the revision that failed and why."""
    history.add("r1", None, PEOPLE, DROP)
    history.add(
        "r2", "r1", 'op.drop_column("people", "age")', 'op.add_column("people", sa.Column("age", sa.Integer()))'
    )
    report = verify(only="round-trip")
    texts = {
        form: render_verification(report, form, verbose=False, color=False)
        for form in ("text", "json", "markdown", "junit")
    }

    for text in texts.values():
        assert "r2" in text
        assert "public.people.age" in text
    assert "1 of 2 failed, 1 exact" in texts["text"]
    assert json.loads(texts["json"])["revisions"][1]["failed"]
    suite = ET.fromstring(texts["junit"])  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_bad_input(verify: Verify, history: History, tmp_path: Path) -> None:
    """An unknown proof, a broken certificate file and a declaration without reasons are errors that say what to do."""
    history.add("r1", None, PEOPLE, DROP)
    with pytest.raises(UnknownNameError, match="there is no proof 'all'"):
        verify(only="all")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(CertificateError, match="cannot be read"):
        verify(certificates=broken)
    declare(history, "r1", "lossy_downgrade = ['public.people']")
    with pytest.raises(CertificateError, match="lossy_downgrade of revision r1"):
        verify(only="round-trip")
