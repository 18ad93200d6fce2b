"""Errors of a project in the sentences of a report."""

import pytest

from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.results import AgentError
from adapter.outbound.postgres.errors import HINT


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AgentError("boom", "exception", "RuntimeError", path="/p/r1.py", line=3), "boom (r1.py, line 3)"),
        (AgentError("'x'", "exception", "KeyError"), "KeyError: 'x'"),
        (
            AgentError(f"Revision r1 failed (r1.py, line 3): no.{HINT}alembic check", "exception", "CommandError",
                       path="/p/online.py", line=78),
            "Revision r1 failed (r1.py, line 3): no",
        ),
    ],
)  # fmt: skip
def test_described(error: AgentError, text: str) -> None:
    """A report names the place of an error; the hint and the place of an env.py that explains its own are left out."""
    assert described(error) == text
