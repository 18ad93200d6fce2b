"""Losses that only values at the edges of a type show are not called exact, and one revision has one verdict."""

from pathlib import Path

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

# A column's type, an upgrade that loses something of it, and a downgrade that does not bring it back.
LOSSES = {
    "capitals": ("text", "UPDATE t SET v = lower(v)", "SELECT 1"),
    "blanks": ("text", "UPDATE t SET v = trim(v)", "SELECT 1"),
    "other blanks": ("text", "UPDATE t SET v = btrim(v, E' \\t' || chr(160))", "SELECT 1"),
    "composed accents": ("text", "UPDATE t SET v = normalize(v, NFC)", "SELECT 1"),
    "accents in short texts": ("varchar(3)", "UPDATE t SET v = normalize(v, NFC)", "SELECT 1"),
    "ligatures": ("text", "UPDATE t SET v = normalize(v, NFKC)", "SELECT 1"),
    "accents": ("text", "UPDATE t SET v = regexp_replace(normalize(v, NFD), '[\u0300-\u036f]', '', 'g')", "SELECT 1"),
    "the time of a day": ("timestamp", "UPDATE t SET v = date_trunc('day', v)", "SELECT 1"),
    "cents": ("numeric(10, 2)", "UPDATE t SET v = round(v)", "SELECT 1"),
    "emptiness": ("text", "UPDATE t SET v = nullif(v, '')", "SELECT 1"),
    "length": (
        "varchar(300)",
        "ALTER TABLE t ALTER v TYPE varchar(40) USING left(v, 40)",
        "ALTER TABLE t ALTER v TYPE varchar(300)",
    ),
    "commas": (
        "text[]",
        "ALTER TABLE t ALTER v TYPE text USING array_to_string(v, ',')",
        "ALTER TABLE t ALTER v TYPE text[] USING string_to_array(v, ',')",
    ),
    "thirds": ("numeric", "ALTER TABLE t ALTER v TYPE numeric(14, 2)", "ALTER TABLE t ALTER v TYPE numeric"),
    "thirds beside numbers that are refused": (
        "numeric",
        "ALTER TABLE t ALTER v TYPE numeric(10, 4)",
        "ALTER TABLE t ALTER v TYPE numeric",
    ),
    "precision": ("double precision", "ALTER TABLE t ALTER v TYPE real", "ALTER TABLE t ALTER v TYPE double precision"),
    "microseconds": ("timestamp", "ALTER TABLE t ALTER v TYPE timestamp(0)", "ALTER TABLE t ALTER v TYPE timestamp"),
    "summer": (
        "timestamp",
        "ALTER TABLE t ALTER v TYPE timestamptz USING v AT TIME ZONE 'Europe/Paris'",
        "ALTER TABLE t ALTER v TYPE timestamp USING v AT TIME ZONE '-01:00'",
    ),
    "months": ("interval", "UPDATE t SET v = justify_interval(v)", "SELECT 1"),
    "labels": ("text NOT NULL DEFAULT 'New'", "UPDATE t SET v = upper(v)", "UPDATE t SET v = initcap(v)"),
    "bounds": ("numrange", "UPDATE t SET v = numrange(lower(v), upper(v))", "SELECT 1"),
    "tiny components": ("vector(3)", "ALTER TABLE t ALTER v TYPE halfvec(3)", "ALTER TABLE t ALTER v TYPE vector(3)"),
}


@pytest.fixture
def project(history: History) -> Path:
    """A project with the plainest env.py."""
    return history.plain_ini()


@pytest.mark.long
def test_what_only_a_few_values_lose_is_no_exact_downgrade(server: Server, history: History, project: Path) -> None:
    """Case, blanks, scale, precision, zones, labels: each loss is seen on a few of the made-up rows."""
    history.add("base0", None, 'op.execute("CREATE EXTENSION vector")')
    last = "base0"
    for number, (kind, upgrade, downgrade) in enumerate(LOSSES.values()):
        made, name = f"m{number}", f"t{number}"
        history.add(made, last, f'op.execute("CREATE TABLE {name} (id int PRIMARY KEY, v {kind})")')
        up, down = (text.replace(" t ", f" {name} ") for text in (upgrade, downgrade))
        history.add(f"lose{number}", made, f"op.execute({up!r})", f"op.execute({down!r})")
        last = f"lose{number}"
    asked = VerificationRequest("base:heads", "round-trip", certificates=project.parent / "c.json")
    report = verified(server, project, asked, rows=200)

    found = {proof.analysis.trace.revision: proof for proof in report.proofs}
    trips = {name: found[f"lose{number}"].trip for number, name in enumerate(LOSSES)}
    exact = [name for name, trip in trips.items() if trip is None or trip.reversibility is Reversibility.EXACT]
    assert exact == []


def test_json_that_was_jsonb_is_the_same_in_another_text(server: Server, history: History, project: Path) -> None:
    """A column of json that becomes jsonb and is json again is exact, and a note tells of its blanks and keys."""
    history.add("a", None, 'op.execute("CREATE TABLE docs (id int PRIMARY KEY, v json)")')
    binary, text = (f'op.execute("ALTER TABLE docs ALTER v TYPE {kind} USING v::{kind}")' for kind in ("jsonb", "json"))
    history.add("b", "a", binary, text)
    asked = VerificationRequest("a:heads", "round-trip", certificates=project.parent / "c.json")
    (proof,) = verified(server, project, asked, rows=200).proofs

    assert proof.trip is not None
    assert proof.trip.reversibility is Reversibility.EXACT
    assert [(one.code, one.severity.value, one.relation) for one in proof.diagnostics] == [
        ("json-text-changes", "note", "public.docs.v")
    ]


@pytest.mark.long
def test_values_that_do_not_fit_are_said_beside_the_proof(server: Server, history: History, project: Path) -> None:
    """A bigint that becomes an integer fails on values over 2^31; the proof on rows that fit says so."""
    history.add("a", None, 'op.execute("CREATE TABLE big (id int PRIMARY KEY, v bigint)")')
    narrow, widen = (f'op.execute("ALTER TABLE big ALTER v TYPE {kind}")' for kind in ("int", "bigint"))
    history.add("b", "a", narrow, widen)
    asked = VerificationRequest("a:heads", "round-trip", certificates=project.parent / "c.json")
    (proof,) = verified(server, project, asked, rows=200).proofs
    assert {one.code for one in proof.diagnostics} == {"rows-must-fit"}
