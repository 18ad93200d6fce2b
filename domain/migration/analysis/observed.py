"""Durations of deployed revisions, read from a log of Alembic."""

import re
from collections.abc import Mapping
from datetime import datetime

_APPLIED = re.compile(r"\bApplied (?P<revision>\w+) in (?P<seconds>\d+(?:\.\d+)?) s\b")
_RUNNING = re.compile(r"\bRunning upgrade (?:[\w, ]*) -> (?P<revision>\w+)")
_TIME = re.compile(r"\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)")


def observed_seconds(log: str) -> Mapping[str, float]:
    """Return the durations in a log, in seconds, by revision.

    The env.py of this project logs them: `Applied 05f9c1d63e84 in 1.250 s`. In other logs, the duration of a revision
    is the time from its line `Running upgrade … -> …` to the next line with a timestamp. Lines without a timestamp are
    skipped.
    """
    logged = {match["revision"]: float(match["seconds"]) for match in _APPLIED.finditer(log)}
    return {**_between_lines(log), **logged}


def _between_lines(log: str) -> dict[str, float]:
    seconds: dict[str, float] = {}
    running: tuple[str, datetime] | None = None
    for line in log.splitlines():
        timestamp = _timestamp(line)
        if timestamp is None:
            continue
        if running is not None:
            revision, began = running
            seconds[revision] = max(0.0, (timestamp - began).total_seconds())
        match = _RUNNING.search(line)
        running = (match["revision"], timestamp) if match else None
    return seconds


def _timestamp(line: str) -> datetime | None:
    match = _TIME.search(line)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]} {match[2].replace(',', '.')}")
    except ValueError:
        return None
