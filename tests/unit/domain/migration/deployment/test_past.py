"""When a step of a past deployment counts as slower than it was predicted to be."""

import pytest

from domain.migration.deployment.journal import Event
from domain.migration.deployment.past import PastStep
from domain.migration.deployment.plan import Interval


@pytest.mark.parametrize(
    ("seconds", "predicted", "slower"),
    [
        (3.0, (1.0, 2.0), False),
        (3.5, (1.0, 2.0), True),
        (2.5, (1.0, 2.0), False),
        (None, (1.0, 2.0), False),
        (9.0, None, False),
    ],
)
def test_more_than_a_second_above_the_prediction(
    seconds: float | None, predicted: Interval | None, *, slower: bool
) -> None:
    """An attempt has a second beside its statements, and only what is above that counts; without figures nothing."""
    step = PastStep("r2", "", next(iter(Event)), 1, seconds, 0.0, predicted=predicted)
    assert step.slower is slower
