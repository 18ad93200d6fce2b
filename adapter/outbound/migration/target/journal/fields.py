"""The entries of a journal as plain values, which both journals write; nothing in them is a secret."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.journal import Event, JournalEntry


def fields_of(entry: JournalEntry, database: str) -> dict[str, Any]:
    """Return the values of an entry by their names, without passwords, and with texts that Postgres can store.

    Args:
        entry: The entry.
        database: The database that it is about.
    """
    fields: dict[str, Any] = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "database": _text(database),
        "deployment": _text(entry.deployment),
        "plan": _text(entry.plan),
        "revision": _text(entry.revision),
        "sha256": _text(entry.sha256),
        "attempt": entry.attempt,
        "event": entry.event.value,
        "seconds": entry.seconds,
        "waited": entry.waited,
        "predicted": list(entry.predicted) if entry.predicted else None,
        "blockers": [_text(blocker) for blocker in entry.blockers],
        "message": _text(entry.message),
        "who": _text(entry.who),
        "version": _text(entry.version),
    }
    return redact(fields)


def entry_of(fields: Mapping[str, Any]) -> JournalEntry:
    """Return the entry that has some values.

    Raises:
        KeyError: A value is missing.
        TypeError: A value is of another type.
        ValueError: A value is none that this version knows.
    """
    predicted = fields["predicted"]
    return JournalEntry(
        deployment=str(fields["deployment"]),
        plan=str(fields["plan"]),
        revision=str(fields["revision"]),
        sha256=str(fields["sha256"]),
        attempt=int(fields["attempt"]),
        event=Event(fields["event"]),
        at=datetime.fromisoformat(str(fields["at"])).astimezone(UTC),
        seconds=None if fields["seconds"] is None else float(fields["seconds"]),
        waited=float(fields["waited"]),
        blockers=tuple(str(blocker) for blocker in fields["blockers"]),
        message=str(fields["message"]),
        who=str(fields["who"]),
        version=str(fields["version"]),
        predicted=None if predicted is None else (float(predicted[0]), float(predicted[1])),
        database=str(fields["database"]),
    )


def _text(text: str) -> str:
    """Return a text without what a text of Postgres cannot have: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
