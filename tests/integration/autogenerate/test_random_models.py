"""Autogenerate on random pairs of models: the upgrade ends at what `create_all` makes, the downgrade where it began."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.autogenerate.harness import Case, Database, run
from tests.integration.autogenerate.random_models import Models, pairs

_SETTINGS = settings(
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


@pytest.fixture
def hold(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[tuple[Models, Models]], None]:
    """Run one change of the models; a second autogenerate that is not empty fails in the harness."""

    def check(pair: tuple[Models, Models]) -> None:
        before, after = pair
        directory: Path = tmp_path_factory.mktemp("project")
        outcome = run(Case("random", before.build, after.build), module_database, directory, stock=False)
        if outcome.source or outcome.ours == "missed":
            assert (outcome.ours, outcome.up, outcome.down) == ("seen", "exact", "exact"), outcome.notes

    return check


@pytest.mark.long
@pytest.mark.one_major
@settings(_SETTINGS, max_examples=30)
@given(pair=pairs())
def test_random_pairs(hold: Callable[[tuple[Models, Models]], None], pair: tuple[Models, Models]) -> None:
    """Of some dozens of pairs each upgrade ends at `create_all`, then nothing differs, and the downgrade restores."""
    hold(pair)


@pytest.mark.exhaustive
@pytest.mark.long
@pytest.mark.one_major
@settings(_SETTINGS, max_examples=100)
@given(pair=pairs())
def test_hundreds_of_random_pairs(hold: Callable[[tuple[Models, Models]], None], pair: tuple[Models, Models]) -> None:
    """The same for a hundred."""
    hold(pair)
