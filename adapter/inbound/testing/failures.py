"""The texts of failed ready tests."""

from typing import TYPE_CHECKING

import pytest

from application.migration.ready_tests import (
    ModelsDiffer,
    ModelsFail,
    NoModels,
    NotUndone,
    Repeated,
    SchemaDiffers,
    SeveralHeads,
    UpgradeFails,
)
from domain.migration.verification.verdict import worst

if TYPE_CHECKING:
    from application.migration.ready_tests import Failure
    from application.migration.verify import VerificationReport

_FAILS = {
    Repeated.AFTER_DOWNGRADE: "after the downgrade to the base, the upgrade fails",
    Repeated.TWICE: "the second upgrade fails",
}
_DIFFERS = {
    Repeated.AFTER_DOWNGRADE: "the schema differs after downgrading to base and upgrading again",
    Repeated.TWICE: "the second upgrade changes the schema",
}


def fail_on(failure: "Failure | None") -> None:
    """Fail the current test, unless its ready test has passed."""
    __tracebackhide__ = True
    if failure is not None:
        pytest.fail(render(failure), pytrace=False)


def render(failure: "Failure") -> str:
    """Return what is wrong, and what to do about it where that is known."""
    match failure:
        case SeveralHeads(heads):
            text = f"there are {len(heads)} heads: {', '.join(heads)}\njoin them: alembic merge heads"
        case NoModels():
            text = "env.py gives no models: target_metadata in context.configure()"
        case ModelsFail(error):
            text = f"the models cannot be compared: {error}"
        case ModelsDiffer(difference):
            text = f"{difference}\nmake the revision: alembic revision --autogenerate -m …"
        case UpgradeFails(repeated, error):
            text = f"{_FAILS[repeated]}: {error}"
        case SchemaDiffers(repeated, difference):
            text = f"{_DIFFERS[repeated]}: {difference}"
        case NotUndone(report):
            text = _not_undone(report)
    return text


def _not_undone(report: "VerificationReport") -> str:
    from adapter.bootstrap.verify import render_verification

    worst_verdict = worst(report.proofs)
    summary = f"{worst_verdict[0].analysis.trace.revision}: {worst_verdict[1].message}\n" if worst_verdict else ""
    return f"{summary}{render_verification(report, 'text', verbose=False, color=False)}"
