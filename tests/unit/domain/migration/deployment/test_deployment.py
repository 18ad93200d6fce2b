"""What a deployment did, in words and counts."""

from domain.migration.deployment.deployment import Attempted, DeployedStep, DeploymentReport, Ending, state_of
from domain.migration.deployment.preflight import Finding, Outcome
from tests.unit.domain.migration.deployment.plans import plan, planned

APPLIED = Attempted(Ending.APPLIED, 0.5, 0.25)
STEPS = (planned("r2"), planned("r3"))


def test_where_a_database_is() -> None:
    """At revisions, at none, or it could not be asked."""
    assert state_of(("r2", "r3")) == "The database is at r2, r3."
    assert state_of(()) == "The database is at no revision."
    assert state_of(None) == "Which revisions the database has could not be read."


def test_what_is_left() -> None:
    """All that was not begun, and what may not be there."""
    done, unknown = DeployedStep(STEPS[0], (APPLIED,), applied=True), DeployedStep(STEPS[1], (APPLIED,), applied=None)
    assert DeploymentReport(plan(*STEPS), (), None).not_done == STEPS
    assert DeploymentReport(plan(*STEPS), (done,), ("r2",)).not_done == (STEPS[1],)
    assert DeploymentReport(plan(*STEPS), (done, unknown), None).not_done == (STEPS[1],)
    assert DeploymentReport(plan(*STEPS), (), None).last_attempt is None
    assert not DeploymentReport(plan(*STEPS), (), None).interrupted


def test_what_counts_as_failed() -> None:
    """A missing step, a missing record, and what was found afterwards; a warning does not."""
    done = DeployedStep(STEPS[0], (APPLIED, APPLIED), applied=True)
    assert (done.seconds, done.waited) == (1.0, 0.5)
    one = plan(STEPS[0])
    assert not DeploymentReport(one, (done,), ("r2",), (Finding("a", Outcome.WARNING, "m"),)).failed
    assert DeploymentReport(one, (done,), ("r2",), (Finding("a", Outcome.NOT_READ, "m"),)).failed
    assert DeploymentReport(one, (DeployedStep(STEPS[0], (APPLIED,), True, "disk full"),), ("r2",)).failed
    assert DeploymentReport(one, (), ()).failed
