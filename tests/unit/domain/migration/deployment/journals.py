"""Entries of a journal, in few words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.migration.deployment.journal import Event, JournalEntry

START = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)


def entry(event: Event, minute: float = 0, **more: Any) -> JournalEntry:
    """Return an entry of a deployment of revision `a1`, some minutes after three."""
    values: dict[str, Any] = {
        "deployment": "d1",
        "plan": "plan of d1",
        "revision": "a1",
        "sha256": "sha of a1",
        "attempt": 1,
        "who": "ana@laptop, role owner",
        "version": "0.1",
    }
    return JournalEntry(event=event, at=START + timedelta(minutes=minute), **values | more)
