"""The plan as Markdown, for a change request."""

from adapter.outbound.migration.report.words_of_plans import (
    KINDS,
    behind,
    direction,
    headline,
    lasting,
    lock_in_words,
    part_in_words,
    times,
    verdict_in_words,
)
from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.plan import Plan, Step

_MARKS = {"safe": "✅", "unsafe": "❌"}


def render(plan: Plan) -> str:
    """Return a heading, a table of the steps, and a section for each step."""
    target = plan.target
    lines = [
        f"## {direction(plan)} of `{target.database}` (Postgres {target.postgres})",
        "",
        f"**{headline(plan)}.**" + (f" {times(plan)}" if plan.steps else ""),
        "",
        f"- Database: `{target.address}`",
        f"- From {_listed(plan.current)} to {_listed(plan.goal)}",
        f"- Plan: `{plan.hash()}`",
    ]
    if plan.steps:
        lines += [
            "",
            f"| | revision | what | verdict | takes | waits at most | {behind(plan, plan.steps[0])[0]} |",
            "|---|---|---|---|---|---|---|",
        ]
    lines += [_row(plan, number, step) for number, step in enumerate(plan.steps, 1)]
    for number, step in enumerate(plan.steps, 1):
        lines += _section(plan, number, step)
    return "\n".join(map(redact, lines))


def _row(plan: Plan, number: int, step: Step) -> str:
    mark = _MARKS.get(step.verdict, "❔")
    waits = lasting(step.blocked_seconds) if step.blocking_locks else "nobody waits"
    back = step.way_back.reversibility.value if step.way_back.reversibility else "not proved"
    if plan.is_downgrade:
        back = ", ".join(f"`{item.name}`" for item in step.destroys) or "nothing"
    message = step.message.replace("|", "\\|")
    cells = (str(number), f"`{step.revision}`", message, f"{mark} {step.verdict}", lasting(step.seconds), waits, back)
    return f"| {' | '.join(cells)} |"


def _section(plan: Plan, number: int, step: Step) -> list[str]:
    lines = ["", f"### {number}. `{step.revision}` {step.message}", ""]
    if why := verdict_in_words(step):
        lines.append(f"- ❌ {why}")
    lines += [f"- accepted {code}: {reason}" for code, reason in step.accepted.items()]
    lines += [f"- {KINDS[part.kind]}: {part_in_words(part)}" for part in step.parts]
    lines += [f"- lock: {lock_in_words(lock)}" for lock in step.blocking_locks]
    name, (first, *losses) = behind(plan, step)
    lines += [f"- {name}: {first}", *(f"  - {loss.strip()}" for loss in losses)]
    return lines


def _listed(revisions: tuple[str, ...]) -> str:
    return ", ".join(f"`{revision}`" for revision in revisions) or "an empty history"
