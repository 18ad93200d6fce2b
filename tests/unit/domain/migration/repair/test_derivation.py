"""The derivation of a downgrade: its steps, what it says, and what it refuses."""

import pytest

from domain.migration.repair.derivation import Repair, derive
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    table,
)
from tests.unit.domain.migration.repair.people import PEOPLE_TABLE


def test_a_whole_downgrade_is_its_steps() -> None:
    """A call of several lines is indented as one; what is left to do stands below, in one line each."""
    code = Repair(("op.a(\n    1,\n)", "op.b()"), ("the\n  last", "more")).downgrade(whole=True)
    assert code.splitlines() == [
        "def downgrade() -> None:",
        "    op.a(",
        "        1,",
        "    )",
        "    op.b()",
        "    # left to do: the last",
        "    # left to do: more",
    ]


def test_a_downgrade_that_is_there_already_goes_first() -> None:
    """What it has is not repeated."""
    assert Repair(("op.b()",)).downgrade(whole=False) == (
        "def downgrade() -> None:\n    ...  # what is there now, then:\n    op.b()\n"
    )


@pytest.mark.parametrize(
    ("incomplete", "reason"),
    [
        (Repair(("op.a()",), ("x",), "the values are gone"), "the values are gone"),
        (Repair((), ("drop the x", "drop the y")), "drop the x; drop the y"),
        (Repair(), "this cannot be undone"),
    ],
)
def test_a_downgrade_that_cannot_be_written_refuses(incomplete: Repair, reason: str) -> None:
    """With the reason, whether or not a part of it could be done."""
    for whole in (True, False):
        assert incomplete.downgrade(whole=whole) == (
            f'def downgrade() -> None:\n    raise NotImplementedError("{reason}")\n'
        )


def test_equal_catalogs_need_no_repair() -> None:
    """Nor do those in which only the order of columns differs."""
    moved = table(PEOPLE, "email", "id")
    assert derive(SchemaSnapshot(PEOPLE_TABLE), SchemaSnapshot(PEOPLE_TABLE)) is None
    assert derive(SchemaSnapshot(PEOPLE_TABLE), SchemaSnapshot(moved)) is None
