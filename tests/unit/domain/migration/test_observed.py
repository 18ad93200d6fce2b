"""Durations of deployments, out of logs."""

from domain.migration.analysis.observed import observed_seconds


def test_own_log_says_durations() -> None:
    """What env.py logs of this project is taken as it is."""
    assert observed_seconds("INFO  [alembic.runtime.migration] Applied 05f9c1d63e84 in 1.250 s\n") == {
        "05f9c1d63e84": 1.25
    }


def test_times_of_lines_count_where_nothing_is_said() -> None:
    """A revision lasts until the next line with a time; the last one without such a line is not known."""
    log = """
2026-11-20 15:00:01,250 INFO [alembic.runtime.migration] Running upgrade  -> aaa, First
2026-11-20 15:00:03,750 INFO [alembic.runtime.migration] Running upgrade aaa -> bbb, Second
a line without a time
2026-11-20T15:01:03.750Z INFO done
2026-11-20 15:02:00 INFO [alembic.runtime.migration] Running upgrade bbb, ccc -> ddd, Merge
"""
    assert observed_seconds(log) == {"aaa": 2.5, "bbb": 60.0}


def test_a_log_about_something_else_says_nothing() -> None:
    """No line of it is taken for a revision."""
    assert observed_seconds("2026-99-99 15:00:01 Running upgrade  -> aaa, x\nApplied with patience") == {}
