"""A revision gets its certificate when its downgrade is what the revision says."""

import json
from dataclasses import replace

import pytest

from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.snapshot import SchemaDifference
from domain.migration.verification.certificate import SCHEMA, Certificate, from_json, merge, outdated, to_json
from domain.migration.verification.checks.applied_revision_changed import changed_since
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import CertificateError, Declaration, Reversibility, RoundTrip
from domain.migration.verification.verdict import judge_proof
from tests.unit.domain.migration.traces import revision, step

NICKNAME = "public.users.nickname"
GONE = DataDifference((DataChange(NICKNAME, DataChangeKind.VALUES_GONE, 1900, 1900),))
INDEX_MISSING = SchemaDifference(missing=(("index", "public.ix_users_name"),))
LOSSY = RoundTrip(statements=3, data=GONE)
DECLARED = Declaration({NICKNAME: "unused since release 7"})
EXACT = Certificate("ae1027a6acf5", 18, "5f" * 32, 2000, 1, Reversibility.EXACT)


def judge(trip: RoundTrip, declaration: Declaration) -> tuple[Diagnostic, ...]:
    """Hold a round trip against what its revision declares."""
    return judge_proof(RevisionProof(analyze(revision(step("ALTER")), rules=()), trip=trip), declaration)


def codes(found: tuple[Diagnostic, ...]) -> list[tuple[str, Severity]]:
    """Return code and severity."""
    return [(one.code, one.severity) for one in found]


def test_a_way_back_that_gives_everything_back_is_exact() -> None:
    """Nothing has to be declared, and nothing is said."""
    trip = RoundTrip(statements=2)
    assert trip.reversibility is Reversibility.EXACT
    assert judge(trip, Declaration()) == ()


def test_a_declared_loss_passes() -> None:
    """The certificate says what is lost."""
    assert LOSSY.reversibility is Reversibility.LOSSY
    assert LOSSY.losses == {NICKNAME: "public.users.nickname: all 1,900 values gone, NULL now"}
    assert judge(LOSSY, DECLARED) == ()


def test_an_undeclared_loss_fails_with_the_line_to_write() -> None:
    """Each loss is an error of its own, that of values before that of an index; the fix names all of them."""
    trip = replace(LOSSY, schema=INDEX_MISSING)
    found = judge(trip, Declaration())
    assert codes(found) == [("undeclared-loss", Severity.ERROR)] * 2
    assert found[0].relation == NICKNAME
    assert (
        found[1].message
        == "The downgrade does not restore what was there before: index public.ix_users_name is missing."
    )
    assert found[1].fix == (
        'lossy_downgrade = {"public.users.nickname": "why this is accepted", '
        '"public.ix_users_name": "why this is accepted"}'
    )


def test_what_the_upgrade_added_has_to_go() -> None:
    """Rows that stay behind are a difference, too; a rename is none."""
    change = DataChange("public.users", DataChangeKind.ROWS_NEW, 3)
    assert codes(judge(RoundTrip(statements=1, data=DataDifference((change,))), Declaration())) == [
        ("undeclared-loss", Severity.ERROR)
    ]
    renamed = DataChange(NICKNAME, DataChangeKind.COLUMN_RENAMED, other="handle")
    assert RoundTrip(statements=1, data=DataDifference((renamed,))).reversibility is Reversibility.EXACT


def test_a_declared_loss_that_does_not_happen_is_a_warning() -> None:
    """It would hide a loss later."""
    assert codes(judge(RoundTrip(statements=1), DECLARED)) == [("unused-declaration", Severity.WARNING)]


def test_a_silent_pass_fails_whatever_is_declared() -> None:
    """A downgrade that does nothing cannot be declared away; one that has nothing to do is exact."""
    trip = RoundTrip(schema=INDEX_MISSING)
    assert trip.reversibility is None
    for declaration in (Declaration(), Declaration({"public.ix_users_name": "so"}), Declaration({}, "no way back")):
        assert ("silent-downgrade", Severity.ERROR) in codes(judge(trip, declaration))
    assert RoundTrip().reversibility is Reversibility.EXACT


def test_a_refusal_passes_when_it_is_declared() -> None:
    """Otherwise the fix is the line to write."""
    trip = RoundTrip(refusal='restore the "users" backup (r2.py, line 17)')
    assert trip.reversibility is Reversibility.IRREVERSIBLE
    assert judge(trip, Declaration(irreversible="hashes")) == ()
    (found,) = judge(trip, Declaration())
    assert (found.code, found.severity) == ("undeclared-irreversible", Severity.ERROR)
    assert found.fix == "irreversible = 'restore the \"users\" backup'"


def test_declarations_of_another_kind_are_said() -> None:
    """Losses beside a refusal, and a refusal that does not come, are not needed."""
    both = Declaration(DECLARED.lossy_downgrade, "hashes")
    assert codes(judge(RoundTrip(refusal="no"), both)) == [("unused-declaration", Severity.WARNING)]
    assert codes(judge(LOSSY, both)) == [("unused-declaration", Severity.WARNING)]


def test_a_failure_is_no_refusal() -> None:
    """No declaration helps a downgrade that fails by accident."""
    trip = RoundTrip(failure="column users.nam does not exist")
    assert trip.reversibility is None
    assert codes(judge(trip, Declaration({}, "no way back"))) == [("downgrade-fails", Severity.ERROR)]


def test_the_second_upgrade_has_to_lead_to_the_same() -> None:
    """What the first downgrade left behind shows when the upgrade runs again."""
    trip = RoundTrip(statements=1, schema_again=INDEX_MISSING)
    (found,) = judge(trip, Declaration())
    assert found.code == "upgrade-differs-again"
    assert "index public.ix_users_name is missing" in found.message


@pytest.mark.parametrize(
    ("lossy", "irreversible"),
    [
        ("public.users", None),
        ({"public.users": ""}, None),
        ({"public.users": 1}, None),
        ({1: "why"}, None),
        (None, True),
        (None, " "),
    ],
)
def test_a_declaration_needs_reasons(lossy: object, irreversible: object) -> None:
    """What is no reason is an error that shows the right form."""
    with pytest.raises(CertificateError) as caught:
        Declaration.read("abc", lossy, irreversible)
    assert "abc" in caught.value.message
    assert "why" in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_declaration_is_read() -> None:
    """A revision without the names declares nothing."""
    assert Declaration.read("abc") == Declaration()
    assert Declaration.read("abc", {NICKNAME: "why"}, "no") == Declaration({NICKNAME: "why"}, "no")


def test_certificates_survive_json_and_are_sorted() -> None:
    """What is written does not depend on the order, and can be read again."""
    lossy = replace(EXACT, revision="0b", reversibility=Reversibility.LOSSY, losses={NICKNAME: "é"})
    refused = replace(EXACT, postgres=16, reversibility=Reversibility.IRREVERSIBLE, message="no")
    text = to_json([EXACT, refused, lossy])
    assert text == to_json([lossy, EXACT, refused])
    assert text.endswith("}\n")
    assert from_json(text) == (lossy, refused, EXACT)
    assert json.loads(text)["schema"] == SCHEMA
    assert json.loads(text)["revisions"]["0b"]["18"]["losses"] == {NICKNAME: "é"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "hexalembic.certificates/2", "revisions": {}}',
        '{"schema": "hexalembic.certificates/1"}',
        '{"schema": "hexalembic.certificates/1", "revisions": {"a": {"18": {}}}}',
        to_json([EXACT]).replace("exact", "perfect"),
        to_json([EXACT]).replace('"18"', '"latest"'),
        to_json([EXACT]).replace('"losses": {}', '"losses": 1'),
    ],
)
def test_json_of_something_else_is_refused(text: str) -> None:
    """A file that is not of this schema is an error with a way out."""
    with pytest.raises(CertificateError, match="certificates"):
        from_json(text)


def test_only_what_changed_is_proved_again() -> None:
    """New revisions, changed files, another major, other rows; in the order of the history."""
    files = {"new": "00", EXACT.revision: EXACT.sha256}
    assert outdated([EXACT], files, postgres=18, rows=2000, seed=1) == {"new": "not proved yet"}
    assert outdated([EXACT], {EXACT.revision: "00"}, postgres=18, rows=2000, seed=1) == {
        EXACT.revision: "its file has changed"
    }
    assert list(outdated([EXACT], files, postgres=16, rows=2000, seed=1)) == ["new", EXACT.revision]
    assert outdated([EXACT], files, postgres=18, rows=5, seed=1)[EXACT.revision] == "proved with 2000 rows from seed 1"


def test_a_newer_certificate_takes_the_place_of_the_older() -> None:
    """Those of other majors stay."""
    newer, other = replace(EXACT, sha256="00"), replace(EXACT, postgres=16)
    assert merge([EXACT, other], [newer]) == (other, newer)


def test_an_applied_revision_whose_file_changed_is_an_error_that_names_both() -> None:
    """What a database has is what was proved, or somebody must look."""
    (found,) = changed_since([EXACT], {EXACT.revision: "00", "b": "11"}, ["b", EXACT.revision])
    assert found.code == "applied-revision-changed"
    assert EXACT.sha256 in found.message
    assert "and is 00." in found.message
    assert changed_since([EXACT], {EXACT.revision: EXACT.sha256}, [EXACT.revision]) == ()
    assert changed_since([EXACT], {EXACT.revision: "00"}, []) == ()


def test_a_certificate_reads_like_a_line() -> None:
    """Its losses stand below it."""
    assert str(EXACT) == "ae1027a6acf5: exact"
    lossy = replace(EXACT, reversibility=Reversibility.LOSSY, losses=LOSSY.losses)
    assert str(lossy).splitlines() == [
        "ae1027a6acf5: lossy",
        "  public.users.nickname: all 1,900 values gone, NULL now",
    ]
