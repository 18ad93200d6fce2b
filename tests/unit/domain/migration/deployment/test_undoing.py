"""What a downgrade takes away has to be named, and the error says how."""

import shlex

import pytest

from domain.migration.deployment.plan import Destroyed, Loss
from domain.migration.deployment.undoing import DataLossError, require_confirmed
from tests.unit.domain.migration.deployment.plans import plan, planned

NAMES = ("public.users", """public."it's".plan""")
LOSSY = plan(planned("a1", destroys=tuple(Destroyed(name, Loss.TABLE) for name in NAMES)), is_downgrade=True)


def test_the_hint_can_be_pasted() -> None:
    """A shell reads from it the names as they are, whatever quotes they have."""
    with pytest.raises(DataLossError) as caught:
        require_confirmed(LOSSY, ())
    words = shlex.split(caught.value.hint.partition(": ")[2])
    assert words[::2] == ["--confirm-data-loss"] * 2
    require_confirmed(LOSSY, words[1::2])
