"""The rule `downgrade-fails`: where it speaks, and where it does not."""

from dataclasses import replace

import pytest

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import codes, revision, step


@pytest.mark.parametrize(
    ("line", "kind", "message", "fails"),
    [
        ("raise ValueError('values of z are needed')", "ValueError", "values of z are needed", False),
        ("raise RuntimeError('irreversible')", "RuntimeError", "irreversible", False),
        ("assert False, 'irreversible'", "AssertionError", "irreversible", False),
        ("raise NotImplementedError", "NotImplementedError", "NotImplementedError", True),
        ("int('x')", "ValueError", "invalid literal for int() with base 10: 'x'", True),
        ("{}['users']", "KeyError", "'users'", True),
        ("refuse('no way back')", "Irreversible", "no way back", False),
    ],
)
def test_refusals_are_told_from_accidents(line: str, kind: str, message: str, fails: bool) -> None:
    """The class of the exception tells them apart, and where that could be either, the line that raised it."""
    trace = revision(
        step("SELECT 1"),
        downgrade=(),
        downgrade_error=f"{message} (a1.py, line 2)",
        downgrade_error_type=kind,
        restored=None,
        source=f"def downgrade():\n    {line}\n",
    )
    assert codes(trace) == ({"downgrade-fails": "error"} if fails else {})


@pytest.mark.parametrize(
    ("error", "statement", "fails"),
    [
        ("TypeError: 'NoneType'", None, True),
        ("NotImplementedError", None, True),
        ("NotImplementedError (a1.py, line 12)", None, True),
        ("name 'users' is not defined (a1.py, line 12)", None, True),
        ("module 'sqlalchemy' has no attribute 'Vector' (a1.py, line 12)", None, True),
        ("NotImplementedError: the values are gone", None, False),
        ("the values are gone (a1.py, line 12)", None, False),
        ("irreversible: restore the backup", None, False),
        ("column does not exist", step("ALTER", error="column does not exist", sqlstate="42703"), True),
        ("irreversible", step("DO", error="irreversible", sqlstate="P0001"), False),
    ],
)
def test_downgrade_fails(error: str, statement: object, fails: bool) -> None:
    """An accident fails; a message of the author's own is an honest refusal.

    Where the revision declares that there is no way back, only a statement that fails is an accident.
    """
    downgrade = (statement,) if statement else ()
    trace = revision(step("SELECT 1"), downgrade=downgrade, downgrade_error=error)
    assert codes(replace(trace, restored=None)) == ({"downgrade-fails": "error"} if fails else {})
    declared = replace(trace, restored=None, irreversible="the values are gone")
    assert codes(declared) == ({"downgrade-fails": "error"} if fails and statement else {})


def test_the_statement_that_failed_last_is_named() -> None:
    """Not one that ran; without a statement the error is that of Python, or that there is none."""
    fails = step("ALTER TABLE\n  x", error="no x", sqlstate="42P01")
    downgrade = (step("SELECT 1"), replace(fails, sql="ALTER y"), fails, step("SELECT 2"))
    trace = revision(step("SELECT 1"), downgrade=downgrade, downgrade_error="it broke", restored=None)
    assert diagnostic(trace, "downgrade-fails").message == "The downgrade fails at ALTER TABLE x: no x"
    for error, said in (("NameError: x", "NameError: x"), ("", "it gives no message")):
        trace = revision(step("SELECT 1"), downgrade=None, downgrade_error=error, restored=None)
        assert diagnostic(trace, "downgrade-fails").message == f"The downgrade fails: {said}"
