"""Messages stay within a screen, and are the same in each run."""

from collections.abc import Callable

import pytest

from adapter.outbound.postgres.errors import DatabaseError
from domain.errors import DomainError
from domain.migration.diagnostic import Diagnostic, Severity
from domain.wording import readable


def _diagnostic(text: str) -> str:
    return Diagnostic("some-rule", Severity.ERROR, None, None, text, "Mend it.").message


@pytest.mark.parametrize(
    "message",
    [readable, _diagnostic, lambda text: DomainError(text, "").message, lambda text: DatabaseError(text, "").message],
)
@pytest.mark.parametrize("thing", [object(), readable, [object()], iter([])])
def test_no_addresses(message: Callable[[str], str], thing: object) -> None:
    """What Python calls by its address is called by its class only."""
    said = message(f"cannot adapt {thing!r} in line 3")

    assert "0x" not in said
    assert said.startswith("cannot adapt ")
    assert said.endswith(" in line 3")


@pytest.mark.parametrize(
    "message",
    [readable, _diagnostic, lambda text: DomainError(text, "").message, lambda text: DatabaseError(text, "").message],
)
def test_no_longer_than_a_screen(message: Callable[[str], str]) -> None:
    """Of a statement with a megabyte in it, 2,000 letters are said."""
    assert len(message(f"failed: {'x' * 1_000_000}")) <= 2000
    assert message("y" * 2000) == "y" * 2000


def test_the_end_is_kept() -> None:
    """Of a long message the beginning and the end are said, and how much is not."""
    said = readable(f"begins {'x' * 9000} ends")

    assert said.startswith("begins x")
    assert said.endswith("x ends")
    assert "7,112 characters left out" in said
