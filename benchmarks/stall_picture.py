"""The picture of `benchmarks.stall`: latency over time, and when an exclusive lock was held or awaited."""

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.stall import Run

_WIDTH, _HEIGHT, _LEFT, _TOP = 960, 220, 80, 56
_LOWEST, _HIGHEST = 0.001, 10.0  # seconds
_TICKS = {0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1.0: "1 s", 10.0: "10 s"}
_BIN = 0.05  # seconds for which the slowest statement is drawn


def draw(runs: "Mapping[str, Run]") -> str:
    """Return an SVG with a panel for each run; all have the same axes."""
    longest = max(max(begin for begin, _ in run.statements) for run in runs.values())
    height = len(runs) * (_HEIGHT + _TOP) + _TOP
    panels = [
        _panel(name, run, longest, number * (_HEIGHT + _TOP) + _TOP) for number, (name, run) in enumerate(runs.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + _LEFT + 20} {height}"'
        ' font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>'
    )


def _panel(name: str, run: "Run", longest: float, top: float) -> str:
    def x(seconds: float) -> float:
        return round(_LEFT + seconds / longest * _WIDTH, 1)

    def y(latency: float) -> float:
        share = math.log(max(_LOWEST, min(_HIGHEST, latency)) / _LOWEST) / math.log(_HIGHEST / _LOWEST)
        return round(top + _HEIGHT - share * _HEIGHT, 1)

    title = (
        f"{name}: {run.seconds:.1f} s, longest stall {run.longest * 1000:.0f} ms, {len(run.failed)} failed statements"
    )
    parts = [f'<text x="{_LEFT}" y="{top - 10}" font-weight="bold">{escape(title)}</text>']
    parts += [f'<rect x="{x(moment)}" y="{top}" width="1" height="{_HEIGHT}" fill="#f4b6b6"/>' for moment in run.locked]
    for latency, label in _TICKS.items():
        parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y(latency)}" y2="{y(latency)}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y(latency) + 4}" text-anchor="end" fill="#555">{label}</text>')
    slowest: dict[int, float] = {}
    for begin, latency in run.statements:
        slowest[int(begin / _BIN)] = max(latency, slowest.get(int(begin / _BIN), 0.0))
    points = "".join(
        f'<circle cx="{x(number * _BIN)}" cy="{y(latency)}" r="1.5"/>' for number, latency in sorted(slowest.items())
    )
    parts.append(f'<g fill="#1f5fa8">{points}</g>')
    ticks = range(0, math.ceil(longest) + 1, 5)
    parts += [
        f'<text x="{x(second)}" y="{top + _HEIGHT + 16}" text-anchor="middle" fill="#555">{second} s</text>'
        for second in ticks
        if second <= longest
    ]
    return "".join(parts)
