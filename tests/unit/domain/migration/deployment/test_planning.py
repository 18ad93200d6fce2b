"""A step says how its statements commit, how long they take at the target, and what was proved of its way back."""

from dataclasses import replace

import pytest

from domain.migration.analysis.revision_analysis import RevisionAnalysis, analyze
from domain.migration.deployment.plan import PartKind, Step
from domain.migration.deployment.planning import step, way_back_from, way_back_of
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, StatementTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.unit.domain.migration import traces
from tests.unit.domain.migration.deployment.plans import EXACT
from tests.unit.domain.migration.traces import USERS, revision

ALTER = traces.step("ALTER TABLE users ADD COLUMN plan text", 1, LockMode.ACCESS_EXCLUSIVE, duration_ms=2.0)
COMMENT = traces.step("COMMENT ON TABLE users IS ''", 1, duration_ms=8.0)
INDEX = traces.step("CREATE INDEX CONCURRENTLY i ON users (email)", None, duration_ms=100.0)
BATCHES = traces.step(
    "UPDATE users SET plan = 'free' WHERE id = ANY (…)",
    None,
    rows={USERS: RowCounts(updated=2000)},
    most_written={USERS: 100},
    count=20,
    transactions=20,
    duration_ms=200.0,
)


def analyzed(*statements: StatementTrace, rows: int | None = 2000) -> RevisionAnalysis:
    """Return the analysis of statements at a target whose users have a number of rows; None without a target."""
    statistics = None if rows is None else Statistics({USERS: TableStatistics(rows)})
    return analyze(revision(*statements), statistics)


def steps_of(*statements: StatementTrace, rows: int | None = 2000) -> Step:
    """Return the step of such a revision."""
    return step(analyzed(*statements, rows=rows), "5f", EXACT)


def test_statements_are_grouped_by_how_they_commit() -> None:
    """Two in a transaction, one by itself, a loop of batches, and another transaction."""
    last = replace(COMMENT, transaction=2)
    made = steps_of(ALTER, COMMENT, INDEX, BATCHES, last)

    assert [(part.kind, part.first, part.last) for part in made.parts] == [
        (PartKind.TRANSACTION, 1, 2),
        (PartKind.AUTOCOMMIT, 3, 3),
        (PartKind.BACKFILL, 4, 4),
        (PartKind.TRANSACTION, 5, 5),
    ]


def test_a_backfill_takes_as_many_batches_as_the_target_needs() -> None:
    """20 batches of 100 rows in the sandbox are 50,000 for 5 million rows, each as long as it took there."""
    made = steps_of(BATCHES, rows=5_000_000)

    (part,) = made.parts
    assert part.batches == 50_000
    assert part.seconds == pytest.approx((350.0, 650.0))  # 50,000 times 10 ms, 30 % to each side
    assert made.seconds == part.seconds


def test_how_many_rows_a_backfill_meets_is_known_to_the_target_only() -> None:
    """A tenth of the rows in the sandbox may be all of them there, so the longest duration counts them all."""
    some = replace(BATCHES, rows={USERS: RowCounts(updated=200)}, count=2, transactions=2, duration_ms=20.0)
    (part,) = steps_of(some, rows=5_000_000).parts
    assert part.batches == 50_000
    assert part.seconds == pytest.approx((35.0, 650.0))


def test_a_backfill_of_a_table_of_unknown_size_has_no_duration() -> None:
    """Neither has the step, nor what is locked behind it."""
    made = steps_of(BATCHES, replace(ALTER, transaction=2), rows=None)

    assert made.parts[0].batches is None
    assert made.parts[0].seconds is None
    assert made.seconds is None
    (blocking,) = made.blocking_locks
    assert blocking.starts is None
    assert blocking.seconds is not None


def test_a_lock_begins_with_its_statement_and_ends_with_its_transaction() -> None:
    """The comment runs first, so the lock of the second statement begins 8 ms later, and lasts for the rest."""
    made = steps_of(COMMENT, ALTER, COMMENT)

    (blocking,) = made.blocking_locks
    assert (blocking.from_statement, blocking.to_statement) == (2, 3)
    assert blocking.starts == pytest.approx((0.0056, 0.0104))
    assert blocking.seconds == pytest.approx((0.007, 0.013))


def test_a_step_carries_what_was_judged() -> None:
    """An accepted error is named with its reason, and does not make the step unsafe."""
    error = Diagnostic("table-rewrite", Severity.ERROR, 0, USERS, "It rewrites.", "Do not.")
    analysis = analyzed(ALTER)
    unsafe = step(replace(analysis, diagnostics=(error,)), "5f", EXACT)
    accepted = step(replace(analysis, diagnostics=(replace(error, suppressed_reason="empty"),)), "5f", EXACT)

    assert (unsafe.verdict, unsafe.reasons, dict(unsafe.accepted)) == ("unsafe", ("table-rewrite",), {})
    assert (accepted.verdict, accepted.reasons, dict(accepted.accepted)) == ("safe", (), {"table-rewrite": "empty"})


def test_what_was_not_run_has_no_duration() -> None:
    """Nothing was seen of it, so nothing is said of its time."""
    trace = replace(revision(), not_run="an earlier revision fails")
    made = step(analyze(trace), "5f", EXACT)
    assert (made.verdict, made.seconds, made.parts) == ("not judged", None, ())


def test_the_way_back_of_a_certificate() -> None:
    """With its losses, or the sentence with which the downgrade refuses."""
    lossy = Certificate("a1", 18, "5f", 200, 1, Reversibility.LOSSY, {USERS: "users: 3 rows gone"})
    refused = Certificate("a1", 18, "5f", 200, 1, Reversibility.IRREVERSIBLE, message="hashes have no way back")

    assert dict(way_back_of(lossy).losses) == {USERS: "users: 3 rows gone"}
    assert way_back_of(refused).reason == "hashes have no way back"


def test_a_way_back_that_was_not_proved_says_why() -> None:
    """The error of the proof, or why the revision was not run."""
    failed = Diagnostic("downgrade-fails", Severity.ERROR, None, None, "The downgrade fails: no table.", "Mend it.")
    warned = replace(failed, severity=Severity.WARNING, message="No row matched.")
    proof = RevisionProof(analyzed(ALTER))
    not_run = RevisionProof(analyze(replace(revision(), not_run="an earlier revision fails")))

    failing = way_back_from(replace(proof, diagnostics=(warned, failed)))
    assert (failing.reversibility, failing.reason) == (None, "The downgrade fails: no table.")
    assert way_back_from(replace(proof, diagnostics=(warned,))).reason == "No row matched."
    assert way_back_from(not_run).reason == "an earlier revision fails"
    assert way_back_from(proof).reason == "nothing was seen that could be undone"


def test_the_way_back_of_a_new_proof_is_that_of_its_certificate() -> None:
    """A revision that was proved just now reads like one that was proved before."""
    certificate = Certificate("a1", 18, "5f", 200, 1, Reversibility.EXACT)
    assert way_back_from(RevisionProof(analyzed(ALTER), certificate=certificate)) == way_back_of(certificate)
