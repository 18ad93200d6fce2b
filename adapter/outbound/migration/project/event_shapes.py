"""What each line of the agent may consist of: a line of another shape is not the agent's."""

import math
from collections.abc import Callable, Mapping
from typing import Any

_Shape = Callable[[Any], bool]

_LARGEST = 1 << 63
_DIRECTIONS = {"upgrade", "downgrade"}


def has_shape(message: object) -> bool:
    """Return whether a line, as JSON, is one that the agent writes."""
    if not isinstance(message, dict) or not isinstance(message.get("event"), str):
        return False
    fields = _EVENTS.get(message["event"])
    if fields is None:
        return False
    may_be_missing = _MAY_BE_MISSING.get(message["event"], frozenset())
    return all(shape(message[name]) if name in message else name in may_be_missing for name, shape in fields.items())


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < _LARGEST


def _amount(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < _LARGEST


def _anything(_value: Any) -> bool:
    return True


def _direction(value: Any) -> bool:
    return _text(value) and value in _DIRECTIONS


def _or_none(shape: _Shape) -> _Shape:
    return lambda value: value is None or shape(value)


def _list_of(shape: _Shape) -> _Shape:
    return lambda value: isinstance(value, list) and all(map(shape, value))


def _row_of(*shapes: _Shape) -> _Shape:
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(shapes)
        and all(shape(part) for shape, part in zip(shapes, value, strict=True))
    )


def _by_name(shape: _Shape) -> _Shape:
    return lambda value: isinstance(value, dict) and all(map(shape, value.values()))


_RUN: Mapping[str, _Shape] = {"revision": _text, "direction": _direction}
_FAILURE: Mapping[str, _Shape] = {
    "error": _text,
    "kind": _text,
    "type": _text,
    "sqlstate": _or_none(_text),
    "path": _or_none(_text),
    "line": _or_none(_whole),
    "traceback": _text,
}
_OBJECTS = _list_of(_row_of(_text, _text))
_STATEMENT: Mapping[str, _Shape] = {
    "sql": _text,
    "line": _or_none(_whole),
    "operation": _or_none(_text),
    "transaction": _or_none(_whole),
    "error": _or_none(_text),
    "sqlstate": _or_none(_text),
    "locks": _by_name(_text),
    "rewritten": _list_of(_text),
    "indexes_built": _list_of(_text),
    "built_on": _by_name(_text),
    "scanned": _by_name(_whole),
    "rows": _by_name(_row_of(_whole, _whole, _whole)),
    "locked": _by_name(_whole),
    "most_written": _by_name(_whole),
    "created": _OBJECTS,
    "altered": _OBJECTS,
    "dropped": _OBJECTS,
    "wal_bytes": _whole,
    "duration_ms": _amount,
    "lock_timeout": _text,
    "count": _whole,
    "cannot_run_in_transaction": _flag,
    "plan": _anything,
    "used_within": _list_of(_text),
}
_EVENTS: Mapping[str, Mapping[str, _Shape]] = {
    "started": {"pid": _whole},
    "exited": {"code": _whole},
    "done": {},
    "wanted": {"addresses": _list_of(_text), "variables": _list_of(_text)},
    "error": _FAILURE,
    "problem": _FAILURE,
    "begin": _RUN,
    "end": {**_RUN, **_FAILURE, "error": _or_none(_text)},
    "statement": {**_RUN, **_STATEMENT},
    "observe": {"pid": _whole, "sql": _text},
    "observed": {},
    "stepped": _RUN,
    "revision": {
        "revision": _text,
        "down_revision": _list_of(_text),
        "depends_on": _list_of(_text),
        "path": _text,
        "message": _text,
        "docstring": _text,
        "branch_labels": _list_of(_text),
        "is_head": _flag,
        "safety_assured": _by_name(_anything),
        "lossy_downgrade": _anything,
        "irreversible": _anything,
    },
    "version_table": {
        "names": _list_of(_text),
        "one_transaction": _text,
        "path": _or_none(_text),
        "line": _or_none(_whole),
    },
    "models": {"found": _flag, "only_there": _OBJECTS},
}
_MAY_BE_MISSING: Mapping[str, frozenset[str]] = {
    "error": frozenset(_FAILURE) - {"error", "kind"},
    "problem": frozenset(_FAILURE) - {"error", "kind"},
    "end": frozenset(_FAILURE) - {"error"},  # it has all others only where there is one
    "statement": frozenset(_STATEMENT) - {"sql"},
}
