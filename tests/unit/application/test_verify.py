"""The use case behind `migrate verify`: what is proved, what is kept, and what is not proved again."""

from dataclasses import replace

import pytest

from application.migration.verify import VerificationReport, VerifyRevisions
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.locks import LockMode
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import Proof, Repetition
from domain.migration.verification.round_trip import Declaration, Reversibility
from tests.unit.application.migration_fakes import FakeCertificates, FakeTrials
from tests.unit.domain.migration.traces import BASE, USERS, column, revision, step

NAME = f"{USERS}.name"
EXACT = revision(step("ALTER TABLE", 1, LockMode.ACCESS_EXCLUSIVE), after={**BASE, **column(f"{USERS}.plan")})
LOSES = replace(EXACT, undone=DataDifference((DataChange(NAME, DataChangeKind.VALUES_GONE, 3, 9),)))
DECLARED = {"r1": Declaration({NAME: "nobody reads it"})}


def verify(
    trials: FakeTrials,
    kept: FakeCertificates | None = None,
    *proofs: Proof,
    applied: tuple[str, ...] = (),
    again: bool = False,
) -> tuple[VerificationReport, FakeCertificates]:
    """Verify the whole history."""
    certificates = FakeCertificates() if kept is None else kept
    run = VerifyRevisions(trials, trials, certificates)
    return run("base:heads", proofs or tuple(Proof), applied=applied, again=again), certificates


def test_an_exact_revision_gets_its_certificate() -> None:
    """With the file and the conditions that it was proved with."""
    trials = FakeTrials({"r1": EXACT}, files={"r1": "5f"})
    report, kept = verify(trials)

    assert not report.failed
    (certificate,) = kept.kept
    assert (certificate.revision, certificate.sha256, certificate.postgres) == ("r1", "5f", 18)
    assert (certificate.rows, certificate.seed) == (200, 1)
    assert certificate.reversibility is Reversibility.EXACT
    assert certificate.proofs == ("compat", "repeat", "round-trip")
    assert [one.split()[0] for one in trials.asked] == ["trace", "again", "repeat", "new"]


def test_only_what_is_asked_for_is_proved() -> None:
    """Kills alone need neither a second upgrade nor statements."""
    trials = FakeTrials({"r1": EXACT})
    report, kept = verify(trials, None, Proof.REPEAT)

    assert trials.asked == ["trace r1", "repeat r1"]
    assert report.proofs[0].trip is None
    assert kept.kept == ()  # a certificate says what a downgrade gives back


def test_each_trial_ends_with_its_proofs() -> None:
    """All proofs of a revision are asked of its own trial, which ends before the next begins."""
    trials = FakeTrials({"r1": EXACT, "r2": EXACT})
    verify(trials)

    assert [one.split()[-1] for one in trials.asked] == ["r1"] * 4 + ["r2"] * 4
    assert [one.ended for one in trials.begun] == [True, True]


def test_values_that_no_row_has_are_part_of_the_trace() -> None:
    """The checks say of them that they were not tried."""
    report, _ = verify(FakeTrials({"r1": EXACT}, edges={NAME: "the empty text"}))

    assert report.proofs[0].analysis.trace.unmade_edges == {NAME: "the empty text"}


def test_a_loss_fails_until_it_is_declared() -> None:
    """Then the certificate names it."""
    report, kept = verify(FakeTrials({"r1": LOSES}))
    assert report.failed
    assert [one.code for one in report.proofs[0].diagnostics] == ["undeclared-loss"]
    assert kept.kept == ()

    report, kept = verify(FakeTrials({"r1": LOSES}, declarations=DECLARED))
    assert not report.failed
    assert kept.kept[0].reversibility is Reversibility.LOSSY
    assert list(kept.kept[0].losses) == [NAME]


def test_a_kill_that_is_not_survived_fails() -> None:
    """No certificate, though the downgrade is exact."""
    trials = FakeTrials({"r1": EXACT}, repetition=Repetition((), 2, ("Killed after statement 1, it ends elsewhere",)))
    report, kept = verify(trials)

    assert [one.code for one in report.proofs[0].diagnostics] == ["not-resumable"]
    assert (report.proofs[0].repetition or Repetition()).survived == 1
    assert kept.kept == ()


def test_what_has_a_good_certificate_is_not_proved_again() -> None:
    """Unless that is asked for."""
    _, kept = verify(FakeTrials({"r1": EXACT, "r2": EXACT}))
    trials = FakeTrials({"r1": EXACT, "r2": EXACT})
    report, _ = verify(trials, kept)
    assert (trials.asked, report.proofs) == ([], ())
    assert [one.revision for one in report.certified] == ["r1", "r2"]

    verify(trials, kept, again=True)
    assert [one for one in trials.asked if one.startswith("trace")] == ["trace r1", "trace r2"]


@pytest.mark.parametrize(
    ("change", "proofs"),
    [
        ({"sha256": "00"}, tuple(Proof)),
        ({"postgres": 16}, tuple(Proof)),
        ({"rows": 5}, tuple(Proof)),
        ({"seed": 9}, tuple(Proof)),
        ({"proofs": ("round-trip",)}, tuple(Proof)),
        ({"revision": "elsewhere"}, tuple(Proof)),
    ],
)
def test_a_certificate_of_something_else_is_not_good(change: dict[str, object], proofs: tuple[Proof, ...]) -> None:
    """Another file, server, number of rows, seed, fewer proofs, another revision: it is proved anew."""
    good = Certificate("r1", 18, "r1", 200, 1, Reversibility.EXACT, proofs=("compat", "repeat", "round-trip"))
    trials = FakeTrials({"r1": EXACT})
    report, _ = verify(trials, FakeCertificates((good,)), *proofs)
    assert trials.asked == []
    assert report.certified == (good,)

    changed = replace(good, **change)  # type: ignore[arg-type]
    report, _ = verify(trials, FakeCertificates((changed,)), *proofs)
    assert "trace r1" in trials.asked
    assert report.certified == ()


def test_fewer_proofs_than_a_certificate_has_are_good_enough() -> None:
    """What was proved once with kills need not be proved without."""
    _, kept = verify(FakeTrials({"r1": EXACT}))
    trials = FakeTrials({"r1": EXACT})
    verify(trials, kept, Proof.ROUND_TRIP)

    assert trials.asked == []


def test_a_proof_holds_under_the_settings_that_it_was_made_under() -> None:
    """One without a target also holds under the usual settings; one of a target holds for no other."""
    _, plain = verify(FakeTrials({"r1": EXACT}))
    _, madrid = verify(FakeTrials({"r1": EXACT}, settings="aa", usual=False))
    assert madrid.kept[0].proofs == ("compat", "repeat", "round-trip", "settings aa")
    for stored, settings, usual, valid in (
        (plain, "bb", True, True),
        (plain, "aa", False, False),
        (madrid, "aa", False, True),
        (madrid, "bb", True, False),
        (madrid, "", True, False),
    ):
        kept = FakeCertificates(stored.kept)
        report, _ = verify(FakeTrials({"r1": EXACT}, settings=settings, usual=usual), kept)
        assert bool(report.certified) is valid, (settings, usual)


def test_recorded_statements_are_part_of_what_was_proved() -> None:
    """Others than at the time are tried anew, where statements are tried at all."""
    _, kept = verify(FakeTrials({"r1": EXACT}, statements="aa"))
    assert kept.kept[0].proofs == ("compat", "repeat", "round-trip", "statements aa")
    same, other, unasked = (FakeTrials({"r1": EXACT}, statements=one) for one in ("aa", "bb", "bb"))
    verify(same, kept)
    verify(other, kept)
    verify(unasked, kept, Proof.ROUND_TRIP)

    assert (same.asked, unasked.asked) == ([], [])
    assert "trace r1" in other.asked


def test_round_trips_alone_are_climbed() -> None:
    """What the climb found exact is not run by itself; the rest is."""
    trials = FakeTrials({"r1": EXACT, "r2": LOSES}, climbs=frozenset({"r1"}))
    report, kept = verify(trials, None, Proof.ROUND_TRIP)

    assert trials.asked == ["climb r1 r2", "trace r2", "again r2"]
    assert [one.analysis.trace.revision for one in report.proofs] == ["r1", "r2"]
    assert [one.revision for one in kept.kept] == ["r1"]


def test_an_applied_revision_must_be_what_was_proved() -> None:
    """With all that is before it."""
    _, kept = verify(FakeTrials({"r1": EXACT, "r2": EXACT}))
    trials = FakeTrials({"r1": EXACT, "r2": EXACT}, files={"r1": "ff"})
    report, _ = verify(trials, kept, applied=("r2",))

    assert [one.code for one in report.diagnostics] == ["applied-revision-changed"]
    assert report.failed
    assert "r1" in report.diagnostics[0].message


def test_what_cannot_be_run_is_not_judged_and_fails() -> None:
    """Nothing but the trace is asked for."""
    trials = FakeTrials({"r1": replace(revision(not_run="r0 fails"), after=None)})
    report, kept = verify(trials)

    assert report.failed
    assert (report.proofs[0].failed, report.proofs[0].not_judged) == (False, True)
    assert kept.kept == ()
