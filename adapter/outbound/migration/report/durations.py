"""Durations in reports."""


def between(low: float, high: float) -> str:
    """Return an interval of seconds, such as `12 s to 20 s`; one duration where both ends read alike."""
    shortest, longest = duration(low), duration(high)
    return shortest if shortest == longest else f"{shortest} to {longest}"


def duration(seconds: float) -> str:
    """Return a duration with two digits: `0.4 s`, `12 s`, `3 min`, `2.5 h`."""
    for limit, unit, size in ((0.1, "ms", 0.001), (100, "s", 1), (100 * 60, "min", 60)):
        if seconds < limit:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds / 3600)} h"


def _two_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")  # noqa: PLR2004
