"""Entries of the journal as JSON, without secrets."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.journal import Event, JournalEntry


def to_json(entry: JournalEntry) -> str:
    """Return an entry as JSON in one line."""
    values = asdict(entry) | {"event": entry.event.value, "at": entry.at.isoformat()}
    return json.dumps(redact(values), ensure_ascii=False)


def from_json(text: str) -> JournalEntry:
    """Return the entry of a text.

    Raises:
        ValueError: It is no JSON, or not that of an entry.
    """
    values: dict[str, Any] = json.loads(text)
    try:
        return JournalEntry(
            **values
            | {
                "event": Event(values["event"]),
                "at": datetime.fromisoformat(values["at"]),
                "blockers": tuple(values["blockers"]),
                "predicted": None if values["predicted"] is None else tuple(values["predicted"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no entry: {error}") from error
