"""Checks the types of what the agent reports: an event with a field of another type is not the agent's."""

import math
from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from adapter.outbound.migration.project.agent.protocol import Event

_Check = Callable[[Any], bool]

_LARGEST = 1 << 63


def has_shape(event: Event) -> bool:
    """Return whether each field of a decoded event has the type that the protocol says; pairs are lists in JSON."""
    kind: Any = type(event)
    return all(check(getattr(event, name)) for name, check in _checks(kind).items())


@cache
def _checks(kind: Any) -> dict[str, _Check]:
    """Return the check of each field of an event's class."""
    return {name: _check(hint) for name, hint in get_type_hints(kind).items()}


def _check(hint: Any) -> _Check:  # noqa: PLR0911 - one for each form of a type
    """Return the check of a type, as the protocol writes types."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda _value: True
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in arguments
    if origin in {Union, UnionType}:
        return _any_of(*map(_check, arguments))
    if origin is list:
        return _list_of(_check(*arguments))
    if origin is tuple:
        return _row_of(*map(_check, arguments))
    if origin is dict:
        return _by_name(_check(arguments[1]))
    return _SCALARS[hint]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) < _LARGEST


def _any_of(*checks: _Check) -> _Check:
    return lambda value: any(check(value) for check in checks)


def _list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _row_of(*checks: _Check) -> _Check:
    return lambda value: (
        isinstance(value, list)
        and len(value) == len(checks)
        and all(check(part) for check, part in zip(checks, value, strict=True))
    )


def _by_name(check: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


_SCALARS: dict[Any, _Check] = {
    NoneType: lambda value: value is None,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: _is_whole,
    float: _is_amount,
}
