"""How long revisions took where they were deployed, read from the log of Alembic."""

import re
from collections.abc import Mapping
from datetime import datetime

_APPLIED = re.compile(r"\bApplied (?P<revision>\w+) in (?P<seconds>\d+(?:\.\d+)?) s\b")
_RUNNING = re.compile(r"\bRunning upgrade (?:[\w, ]*) -> (?P<revision>\w+)")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)")


def observed_seconds(log: str) -> Mapping[str, float]:
    """Read durations, in seconds, by revision.

    A line of this project's env.py says them: `Applied 05f9c1d63e84 in 1.250 s`. In the logs of others the time of a
    revision's line `Running upgrade … -> …` counts to the next line with a time; lines without one say nothing.
    """
    said = {found["revision"]: float(found["seconds"]) for found in _APPLIED.finditer(log)}
    return {**_between_lines(log), **said}


def _between_lines(log: str) -> dict[str, float]:
    seconds: dict[str, float] = {}
    running: tuple[str, datetime] | None = None
    for line in log.splitlines():
        moment = _moment(line)
        if moment is None:
            continue
        if running is not None:
            revision, began = running
            seconds[revision] = max(0.0, (moment - began).total_seconds())
        found = _RUNNING.search(line)
        running = (found["revision"], moment) if found else None
    return seconds


def _moment(line: str) -> datetime | None:
    found = _TIME.search(line)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]} {found[2].replace(',', '.')}")
    except ValueError:
        return None
