"""`migrate verify --format sarif`: where a report of the history as a whole points."""

import json

from adapter.outbound.migration.report import verification_sarif
from application.migration.verify import VerificationReport
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.verification.checks.applied_revision_changed import CODE
from tests.support import PROJECT_ROOT


def test_what_is_wrong_with_the_history_is_said_of_its_configuration() -> None:
    """The file that was named with `-c`, whatever its name and its folder, as seen from the repository."""
    found = Diagnostic(CODE, Severity.ERROR, None, None, "Its file has changed.", "Take the old one.")
    text = verification_sarif.render(VerificationReport("18.6", (), (), (found,)), PROJECT_ROOT / "docs" / "other.ini")
    (run,) = json.loads(text)["runs"]
    (result,) = run["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "docs/other.ini"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == CODE
