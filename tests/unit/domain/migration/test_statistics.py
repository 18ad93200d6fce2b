"""Statistics of a target: what counts as big, and the file that carries them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.migration.errors import StatisticsError
from domain.migration.statistics import Extension, Statistics, TableStatistics, Target

FULL = Statistics(
    {
        'public."Odd Näme"': TableStatistics(5_100_000, 2**40, 12, 0.5, None, 3),
        "public.users": TableStatistics(999),
    },
    Target(
        "shop",
        "18.6",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        86_400.5,
        2**26,
        2,
        {"vector": Extension("0.8.4", "0.8.5", True), "postgis": Extension()},
        {"TimeZone": "Europe/Madrid", "search_path": '"$user", shop'},
    ),
)


def test_what_is_not_known_is_big() -> None:
    """A table that is not in the target's statistics is unknown, and unknown is big."""
    assert FULL.is_big("public.gone")
    assert not FULL.is_big("public.users")
    assert Statistics({"public.users": TableStatistics(1000)}).is_big("public.users")
    assert Statistics.unknown().is_big("public.users")


def test_the_file_gives_back_what_was_written() -> None:
    """Every field survives, and a target that nobody named stays unknown."""
    assert Statistics.from_json(FULL.to_json()) == FULL
    assert Statistics.from_json(Statistics.unknown().to_json()) == Statistics.unknown()


def test_a_file_by_hand_needs_rows_only() -> None:
    """Schema and rows are enough."""
    text = '{"schema": "hexalembic.statistics/1", "tables": {"public.users": {"rows": 5}}}'
    assert Statistics.from_json(text) == Statistics({"public.users": TableStatistics(5)})


def test_zero_is_a_value_like_any_other() -> None:
    """A table without rows, scans and writes, and statistics that were reset just now."""
    target = Target("shop", "18.6", datetime(2026, 1, 2, tzinfo=UTC), 0.0, 0, 0)
    idle = Statistics({"public.users": TableStatistics(0, 0, 0, 0.0, 0.0, 0)}, target)
    assert Statistics.from_json(idle.to_json()) == idle


def spoiled(**changes: Any) -> str:
    """A file with other members."""
    return json.dumps(json.loads(FULL.to_json()) | changes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[]", "schema 'None'"),
        ('{"schema": "hexalembic.analysis/1"}', "schema 'hexalembic.analysis/1', not 'hexalembic.statistics/1'"),
        ('{"schema": "hexalembic.statistics/1"}', "no tables"),
        (spoiled(tables=[]), "wrong tables: []"),
        (spoiled(tables={"public.a": 5}), "no object at tables.public.a"),
        (spoiled(tables={"public.a": {}}), "lack tables.public.a.rows"),
        (spoiled(tables={"public.a": {"rows": -1}}), "wrong tables.public.a.rows: -1"),
        (spoiled(tables={"public.a": {"rows": True}}), "wrong tables.public.a.rows: true"),
        (spoiled(tables={"public.a": {"rows": 10**30}}), "wrong tables.public.a.rows"),
        (spoiled(tables={"public.a": {"rows": "5"}}), 'wrong tables.public.a.rows: "5"'),
        (spoiled(tables={"public.a": {"rows": 1, "scans_per_second": float("nan")}}), "scans_per_second: NaN"),
        (spoiled(tables={"users": {"rows": 1}}), "table 'users' without its schema"),
        (spoiled(taken_at="yesterday"), 'wrong taken_at: "yesterday"'),
        (spoiled(taken_at=5), "wrong taken_at: 5"),
        (spoiled(extensions={"vector": "0.8"}), "no object at extensions.vector"),
        (spoiled(settings={"TimeZone": 1}), "wrong settings.TimeZone"),
        (spoiled(settings=["TimeZone"]), "wrong settings"),
        (spoiled(extensions={"vector": {"may_create": "no"}}), "wrong extensions.vector.may_create"),
    ],
)
def test_a_wrong_file_is_told(text: str, said: str) -> None:
    """One line says what and where, one how to get a right one; the command ends with 2."""
    with pytest.raises(StatisticsError) as caught:
        Statistics.from_json(text)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2
