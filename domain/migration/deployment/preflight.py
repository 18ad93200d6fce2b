"""The preflight of a deployment: what stands in the way of a plan, each thing with a way out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from domain.migration.deployment.plan import Plan


class Outcome(Enum):
    """The outcome of a check, worst first."""

    FAILED = "failed"
    NOT_READ = "not read"
    WARNING = "warning"
    PASSED = "passed"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: Code of the check, such as `long-transactions`.
        outcome: Whether it stops the deployment, may disturb it, or neither.
        message: What is there.
        remedy: What to do about it; empty if nothing has to be done.
    """

    check: str
    outcome: Outcome
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class PreflightReport:
    """The findings of all checks.

    Attributes:
        plan: The plan that was checked; None if there can be none, which a finding explains.
        findings: What was found, worst first, and in the order of the checks.
    """

    plan: Plan | None
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, plan: Plan | None, findings: Iterable[Finding]) -> "PreflightReport":
        """Return the report of some findings."""
        order = list(Outcome)
        return cls(plan, tuple(sorted(findings, key=lambda finding: order.index(finding.outcome))))

    @property
    def failed(self) -> bool:
        """Whether something stops the deployment, or was not seen although it might."""
        return any(finding.outcome in {Outcome.FAILED, Outcome.NOT_READ} for finding in self.findings)

    def count(self, outcome: Outcome) -> int:
        """Return the number of findings with an outcome."""
        return sum(finding.outcome is outcome for finding in self.findings)
