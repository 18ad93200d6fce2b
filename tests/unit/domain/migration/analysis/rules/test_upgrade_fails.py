"""The rule `upgrade-fails`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.trace import RevisionTrace
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import revision, step


def failed(**more: Any) -> RevisionTrace:
    """An upgrade that ended with a statement."""
    trace = revision(step("CREATE INDEX ix ON users (email)", error="it failed", **more), downgrade=None)
    return replace(trace, after=None, restored=None)


def test_a_statement_that_was_canceled_did_not_end_in_time() -> None:
    """Any other error is said as such."""
    assert "ran longer than a statement may run" in diagnostic(failed(sqlstate="57014"), "upgrade-fails").message
    assert "fails: it failed (SQLSTATE 42P07)" in diagnostic(failed(sqlstate="42P07"), "upgrade-fails").message


@pytest.mark.parametrize(
    ("facts", "outside"),
    [
        ({"sqlstate": "42P07"}, False),
        ({"sqlstate": "25001"}, True),
        ({"sqlstate": "42P07", "cannot_run_in_transaction": True}, True),
    ],
)
def test_what_must_run_outside_a_transaction_gets_a_block(facts: dict[str, Any], outside: bool) -> None:
    """Other failures have no code that mends them."""
    said = diagnostic(failed(**facts), "upgrade-fails")
    assert (said.help == "Execute it in an autocommit block.") is outside
    assert (said.fix is not None) is outside


def test_an_error_of_python_is_reported() -> None:
    """It is the trace's own error, which there is none of where a failed statement is the reason."""
    python = replace(revision(step("SELECT 1"), downgrade=None), error="NameError: x", after=None, restored=None)
    assert diagnostic(python, "upgrade-fails").message == "The upgrade fails: NameError: x"


@pytest.mark.parametrize(
    ("error", "extension"),
    [
        ('type "vector" does not exist', "vector"),
        ('operator class "gin_trgm_ops" does not exist for access method "gin"', "pg_trgm"),
        ("function uuid_generate_v4() does not exist", '"uuid-ossp"'),
        ('type "mood" does not exist', ""),
        ('column "vector" does not exist', ""),
    ],
)
def test_what_an_extension_has_leads_to_the_extension(error: str, extension: str) -> None:
    """A history may rely on a database that has it: the advice names the statement and `--setup`."""
    trace = replace(revision(step("CREATE TABLE t ()", error=error, sqlstate="42704")), after=None, restored=None)
    advice = diagnostic(trace, "upgrade-fails").help
    assert (f"CREATE EXTENSION IF NOT EXISTS {extension} before it" in advice) is bool(extension)
    assert ("--setup" in advice) is bool(extension)
