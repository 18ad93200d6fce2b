"""The sentences about a plan that the text, Markdown and HTML reports share."""

from adapter.outbound.migration.report.durations import between, duration
from domain.migration.deployment.plan import Destroyed, Interval, Loss, Part, PartKind, Plan, PlannedLock, Step, WayBack
from domain.migration.verification.round_trip import Reversibility

UNKNOWN = "not measured"


def headline(plan: Plan) -> str:
    """Return what the plan comes to, in one line."""
    if not plan.steps:
        return "nothing to do: the database is there already"
    count = len(plan.steps)
    steps = f"{count} step{'s' if count > 1 else ''}"
    problems = []
    if plan.unsafe:
        problems.append(f"{len(plan.unsafe)} not safe")
    if plan.is_downgrade:
        taken = len(plan.destroys)
        problems.append(f"{taken} thing{'s' if taken > 1 else ''} taken away" if taken else "nothing is taken away")
        return f"{steps} back: {', '.join(problems)}"
    if plan.unproved:
        problems.append(f"{len(plan.unproved)} without a proved way back")
    verdict = ", ".join(problems) or "all safe, and each has a proved way back"
    return f"{steps}: {verdict}"


def times(plan: Plan) -> str:
    """Return how long the plan takes, and for how long statements wait."""
    taking = f"It takes {lasting(plan.seconds)}." if plan.seconds else "How long it takes was not measured."
    if not any(step.blocking_locks for step in plan.steps):
        return f"{taking} No statement of the application waits."
    if plan.blocked_seconds is None:
        return f"{taking} Statements of the application wait, and for how long was not measured."
    return f"{taking} Statements of the application wait at most {lasting(plan.blocked_seconds)} at a time."


def lasting(seconds: Interval | None) -> str:
    """Return a duration, or that it is not known."""
    return UNKNOWN if seconds is None else between(*seconds)


def shortly(seconds: Interval | None) -> str:
    """Return the longest expected duration, for a picture; a question mark where it is not known."""
    return "?" if seconds is None else duration(seconds[1])


def part_in_words(part: Part) -> str:
    """Return how a part commits, its statements, and how long it takes."""
    statements = f"statement {part.first}" if part.first == part.last else f"statements {part.first} to {part.last}"
    batches = f" in up to {part.batches:,} batches" if part.batches else ""
    return f"{statements}{batches}, {lasting(part.seconds)}"


def lock_in_words(lock: PlannedLock) -> str:
    """Return a lock, and what waits for it how long."""
    waiters = "reads and writes wait" if lock.mode.blocks_reads else "writes wait"
    table = "" if lock.table == lock.relation else f" (of {lock.table})"
    return f"{lock.relation}{table} {lock.mode.sql}: {waiters}, {lasting(lock.seconds)}"


def way_back_in_words(way_back: WayBack) -> list[str]:
    """Return what the downgrade restores, a line for each loss."""
    if way_back.reversibility is Reversibility.EXACT:
        return ["the downgrade restores everything"]
    if way_back.reversibility is Reversibility.LOSSY:
        return ["the downgrade loses", *(f"  {sentence}" for sentence in way_back.losses.values())]
    if way_back.reversibility is Reversibility.IRREVERSIBLE:
        return [f"none, the downgrade refuses: {way_back.reason}"]
    return [f"not proved: {way_back.reason}"]


def direction(plan: Plan) -> str:
    """Return the word for what the plan is, as a heading begins with it."""
    return "Downgrade" if plan.is_downgrade else "Upgrade"


def behind(plan: Plan, step: Step) -> tuple[str, list[str]]:
    """Return what a step leaves behind, with its heading: the way back from it, or what a downgrade takes away."""
    if not plan.is_downgrade:
        return "way back", way_back_in_words(step.way_back)
    return "takes away", [destroyed_in_words(item) for item in step.destroys] or ["nothing"]


def destroyed_in_words(item: Destroyed) -> str:
    """Return what a downgrade takes away, with the number of rows or values."""
    count = "an unknown number of" if item.rows is None else f"{item.rows:,}"
    if item.loss is Loss.TABLE:
        return f"table {item.name} with {count} rows"
    if item.loss is Loss.COLUMN:
        return f"column {item.name} with {count} values"
    if item.loss is Loss.CONVERTED:
        return f"column {item.name}: {count} values are converted {item.why}, which may not hold all of them"
    return f"rows of {item.name}, which has {count}: {item.why}"


def verdict_in_words(step: Step) -> str:
    """Return why a step is not safe; empty if it is."""
    if step.not_run:
        return f"not judged: {step.not_run}"
    if step.reasons:
        return f"unsafe: {', '.join(step.reasons)}; see migrate analyze {step.revision}"
    return ""


KINDS = {
    PartKind.TRANSACTION: "transaction",
    PartKind.AUTOCOMMIT: "autocommit",
    PartKind.BACKFILL: "backfill",
}
