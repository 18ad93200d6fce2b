"""Writes jobs, events and answers as lines, and reads them."""

from __future__ import annotations

import json
from typing import Any

from .protocol import EVENTS, VERSION, Event, Job

_EVENT = "event"  # the field of a line that names the class of its event
_SURROGATE = b"\\ud"  # as JSON has it


class ProtocolError(ValueError):
    """A line that the other side cannot have written."""


def encode(event: Event, token: str) -> bytes:
    """Return an event as a line; values that JSON has no form for become text."""
    content = json.dumps({_EVENT: type(event).__name__, **vars(event)}, default=str)
    return f"{token}{content}\n".encode()


def decode(line: bytes, token: str) -> Event:
    """Return the event of a line without its end; the types of the fields are not checked, and pairs are lists.

    Half a character, which Python's strings may have and no report can be written with, becomes `?`.

    Raises:
        ProtocolError: Something else than the token comes first, or the line has the fields of no event.
        ValueError: The line is no JSON.
    """
    prefix = token.encode()
    if not line.startswith(prefix):
        raise ProtocolError("a line without its token")
    content = line[len(prefix) :]
    values = json.loads(content)
    if _SURROGATE in content:
        values = json.loads(json.dumps(values, ensure_ascii=False).encode(errors="replace"))
    kind = EVENTS.get(str(values.pop(_EVENT, ""))) if isinstance(values, dict) else None
    if kind is None or values.keys() != kind.__dataclass_fields__.keys():
        raise ProtocolError("no event has these fields")
    event: Event = kind(**values)
    return event


def encode_job(job: Job) -> bytes:
    """Return a job as a line."""
    return json.dumps(vars(job)).encode() + b"\n"


def decode_job(line: str) -> Job:
    """Return the job of a line.

    Raises:
        ProtocolError: The parent has another version of the protocol.
    """
    values = json.loads(line)
    if values.get("version") != VERSION:
        raise ProtocolError("hexalembic was replaced by another version while it ran: run the command again")
    return Job(**values)


def encode_answer(value: object) -> bytes:
    """Return an answer as a line."""
    return json.dumps(value).encode() + b"\n"


def decode_answer(line: str) -> Any:
    """Return the value of an answer; None for the end of the pipe."""
    return json.loads(line) if line else None
