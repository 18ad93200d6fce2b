"""The plan for a terminal: each step with what waits for it and its way back, then the sum."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapter.outbound.migration.report.durations import between
from adapter.outbound.migration.report.terminal import buffered, shown, unpadded
from adapter.outbound.migration.report.words_of_plans import (
    KINDS,
    behind,
    headline,
    lock_in_words,
    part_in_words,
    times,
    verdict_in_words,
)
from domain.migration.deployment.plan import Plan, Step

_COLORS = {"unsafe": "red", "safe": "green"}
_HASH = 12  # letters of the hash that a person compares


def render(plan: Plan, *, color: bool = False, width: int = 120) -> str:
    """Return a plan as text.

    Args:
        plan: The plan.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    kind = "Plan of a downgrade" if plan.is_downgrade else "Plan"
    console.print(shown(f"{kind} {plan.hash()[:_HASH]} for {plan.target.address}", style="bold"))
    _fact(console, "server", f"Postgres {plan.target.postgres}")
    _fact(console, "from", ", ".join(plan.current) or "an empty history")
    _fact(console, "to", ", ".join(plan.goal) or "an empty history")
    console.print()
    for number, step in enumerate(plan.steps, 1):
        _step(console, plan, number, step)
        console.print()
    console.print(shown(headline(plan), style="bold"))
    if plan.steps:
        console.print(shown(times(plan)))
    return unpadded(buffer.getvalue())


def _step(console: Console, plan: Plan, number: int, step: Step) -> None:
    seconds = f", {between(*step.seconds)}" if step.seconds else ""
    color = _COLORS.get(step.verdict, "yellow")
    title = Text.assemble(
        f"{number:>2}  ",
        (step.verdict.upper(), f"bold {color}"),
        shown(f"  {step.revision}  {step.message}  ({step.phase.value}{seconds})"),
    )
    console.print(title)
    if why := verdict_in_words(step):
        _fact(console, "why", why)
    for code, reason in step.accepted.items():
        _fact(console, "accepted", f"{code}: {reason}")
    for part in step.parts:
        _fact(console, KINDS[part.kind], part_in_words(part))
    if step.parts:
        locks = [lock_in_words(lock) for lock in step.blocking_locks]
        _fact(console, "waits", "\n".join(locks) or "nobody")
    name, lines = behind(plan, step)
    _fact(console, name, "\n".join(lines))


def _fact(console: Console, name: str, value: str) -> None:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=15)
    row.add_column(overflow="fold")
    row.add_row(Text(f"    {name}"), shown(value))
    console.print(row)
