"""What is wrong with a revision, which of it is said first, and what it is certified to be."""

from dataclasses import replace

from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.snapshot import SchemaDifference
from domain.migration.trace import RevisionTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Declaration, Reversibility, RoundTrip
from domain.migration.verification.verdict import certify, judge_proof, worst
from tests.unit.domain.migration.traces import USERS, revision, step


def analyzed(trace: RevisionTrace, *codes_said: str) -> RevisionProof:
    """A proof whose analysis said something under some codes."""
    found = tuple(Diagnostic(code, Severity.WARNING, 0, USERS, "x", "y", "fix") for code in codes_said)
    return RevisionProof(replace(analyze(trace, rules=()), diagnostics=found))


CODES = ("not-seen-at-work", "rows-must-fit", "not-in-sandbox", "table-rewrite")


def test_what_rules_say_of_the_sandbox_is_passed_on() -> None:
    """Of an upgrade that ran, what its rows did not show; of one that failed there, that it could not be judged."""
    trace = revision(step("ALTER"))
    ran = judge_proof(analyzed(trace, *CODES), Declaration())
    assert [(one.code, one.severity) for one in ran] == [
        ("not-seen-at-work", Severity.WARNING),
        ("rows-must-fit", Severity.WARNING),
    ]
    failed = [
        one for one in judge_proof(analyzed(replace(trace, after=None), *CODES), Declaration()) if one.code in CODES
    ]
    assert [(one.code, one.severity, one.statement, one.relation, one.fix) for one in failed] == [
        ("not-in-sandbox", Severity.ERROR, None, None, None)
    ]
    not_run = analyzed(replace(trace, not_run="r0 fails"), *CODES)
    assert not [one for one in judge_proof(not_run, Declaration()) if one.code in CODES]


def failing(*found: tuple[str, Severity], trip: RoundTrip | None = None) -> RevisionProof:
    """A proof with diagnostics."""
    diagnostics = tuple(Diagnostic(code, severity, None, None, "x", "y") for code, severity in found)
    return RevisionProof(analyze(revision(step("ALTER")), rules=()), trip=trip, diagnostics=diagnostics)


def first(*proofs: RevisionProof) -> str | None:
    """The code of the error that is said first."""
    found = worst(proofs)
    return None if found is None else found[1].code


def test_the_worst_error_is_said_first() -> None:
    """A failed upgrade before a loss, known kinds before others; what is no error is never it."""
    error = Severity.ERROR
    assert first(failing(("undeclared-loss", error)), failing(("upgrade-fails", error))) == "upgrade-fails"
    assert first(failing(("breaks-old-code", error)), failing(("not-resumable", error))) == "not-resumable"
    assert first(failing(("upgrade-fails", Severity.WARNING), ("breaks-old-code", error))) == "breaks-old-code"
    assert first(failing(("upgrade-fails", Severity.WARNING))) is None
    assert first() is None


def test_of_two_losses_the_one_of_rows_is_worse() -> None:
    """Values cannot be made again, an index can."""
    rows = RoundTrip(data=DataDifference((DataChange(USERS, DataChangeKind.ROWS_GONE, 3),)))
    index_gone = failing(("undeclared-loss", Severity.ERROR), trip=RoundTrip())
    rows_gone = failing(("undeclared-loss", Severity.ERROR), trip=rows)
    for order in ((index_gone, rows_gone), (rows_gone, index_gone)):
        found = worst(order)
        assert found is not None
        assert found[0] is rows_gone
    found = worst((failing(("undeclared-loss", Severity.ERROR)), rows_gone))
    assert found is not None
    assert found[0] is rows_gone


def certified(trip: RoundTrip | None, *found: Diagnostic) -> Certificate | None:
    """The certificate of a round trip."""
    proof = RevisionProof(analyze(revision(step("ALTER")), rules=()), trip=trip, diagnostics=found)
    return certify(proof, "5f", postgres=18, rows=200, seed=1, proofs=("round-trip",))


LOST = SchemaDifference(missing=(("index", "public.ix"),))


def test_what_a_certificate_says() -> None:
    """What is lost where something is; a refusal with its message; nothing for a proof that failed or was not run."""
    exact = certified(RoundTrip(statements=1))
    assert exact is not None
    assert (exact.reversibility, dict(exact.losses)) == (Reversibility.EXACT, {})
    lossy = certified(RoundTrip(statements=1, schema=LOST))
    assert lossy is not None
    assert (lossy.reversibility, [*lossy.losses]) == (Reversibility.LOSSY, ["public.ix"])
    refused = certified(RoundTrip(refusal="gone", schema=LOST))
    assert refused is not None
    assert (refused.reversibility, refused.message, dict(refused.losses)) == (Reversibility.IRREVERSIBLE, "gone", {})
    assert certified(None) is None
    assert certified(RoundTrip(failure="no")) is None
    assert certified(RoundTrip(statements=1), Diagnostic("x", Severity.ERROR, None, None, "x", "y")) is None
    idle = Diagnostic("not-seen-at-work", Severity.WARNING, None, None, "x", "y")
    assert certified(RoundTrip(statements=1), idle) is None


def test_a_loss_that_was_not_seen_and_is_accepted_makes_a_revision_lossy() -> None:
    """One that is still said is not accepted; beside a loss that was seen it changes nothing."""
    trip = RoundTrip(statements=1, unseen={USERS: "users may be written"})
    accepted = certified(trip)
    assert accepted is not None
    assert (accepted.reversibility, dict(accepted.losses)) == (Reversibility.LOSSY, {USERS: "users may be written"})
    note = Diagnostic("loss-not-seen", Severity.NOTE, None, USERS, "x", "y")
    still_said = certified(trip, note)
    assert still_said is not None
    assert still_said.reversibility is Reversibility.EXACT
    seen = certified(replace(trip, schema=LOST))
    assert seen is not None
    assert [*seen.losses] == ["public.ix"]
