"""Revisions that run in one transaction: the locks of the earlier ones are held while the later ones work.

Alembic's default is one transaction for all that `alembic upgrade` runs. A constraint that one revision adds NOT VALID
and the next one validates is then validated under the first one's lock. What a transaction has made itself is nobody
else's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.migration.analysis.impact import LockWindow, last_statements
from domain.migration.analysis.judging import label, listed
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rule import UNUSED_SUPPRESSION
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.trace import RevisionTrace

CODE = "locks-of-earlier-revisions"
FAILS = "fails-in-one-transaction"


@dataclass(frozen=True)
class SharedTransaction:
    """How a project runs several revisions in one transaction.

    Attributes:
        file: Name of the file that configures Alembic, mostly env.py.
        line: Its line of `context.configure`; 0 where that is not known.
        begun_outside: Whether it has begun the transaction itself, before Alembic was configured.
    """

    file: str
    line: int
    begun_outside: bool = False

    @property
    def remedy(self) -> str:
        """What to write there."""
        place = f"{self.file}, line {self.line}" if self.line else self.file
        if self.begun_outside:
            return (
                f"In {place}: hand context.configure a connection without a transaction (engine.connect(), not "
                "engine.begin()), and add transaction_per_migration=True."
            )
        return f"In {place}: add transaction_per_migration=True to context.configure(…)."


def with_needs(
    analyses: Sequence[RevisionAnalysis], ask: Callable[[], SharedTransaction | None]
) -> list[RevisionAnalysis]:
    """Say before proposed code what env.py has to leave to Alembic first, where a block could not commit in it.

    Args:
        analyses: The revisions.
        ask: Whether the project runs them in one transaction; asked only where that matters.
    """
    if not any(_commits(one) for analysis in analyses for one in analysis.diagnostics):
        return list(analyses)
    shared = ask()
    if shared is None or not shared.begun_outside:
        return list(analyses)
    need = f"# First, for autocommit_block() cannot commit otherwise. {shared.remedy}\n"
    return [
        replace(
            analysis,
            diagnostics=tuple(
                replace(one, fix=f"{need}{one.fix}") if _commits(one) else one for one in analysis.diagnostics
            ),
        )
        for analysis in analyses
    ]


def _commits(diagnostic: Diagnostic) -> bool:
    return "autocommit_block()" in (diagnostic.fix or "")


@dataclass(frozen=True)
class JointFailure:
    """A revision that runs when those before it were committed, and fails when they were not.

    Attributes:
        revision: Its id.
        error: What was said.
    """

    revision: str
    error: str


@dataclass(frozen=True)
class _Held:
    """A blocking lock of an earlier revision."""

    revision: str
    window: LockWindow


def judge_together(
    analyses: Sequence[RevisionAnalysis], shared: SharedTransaction | None, failure: JointFailure | None = None
) -> list[RevisionAnalysis]:
    """Add what is wrong with revisions in the order in which one transaction runs them; nothing where each has its own.

    Work under a lock of an earlier revision is an error, and so is a failure that no commit before it would have let
    happen; locks that pile up over revisions are a warning.
    """
    if shared is None:
        return list(analyses)
    judged = _locked(analyses, shared)
    if failure is None:
        return judged
    return [
        _with(one, (_failed(failure, shared),), FAILS) if one.trace.revision == failure.revision else one
        for one in judged
    ]


def _failed(failure: JointFailure, shared: SharedTransaction) -> Diagnostic:
    said = failure.error.partition("\n")[0].rstrip(".")
    text = (
        f"It fails behind the revisions before it, as all of them run in one transaction: {said}. When they were "
        "committed, it runs."
    )
    return Diagnostic(FAILS, Severity.ERROR, None, None, text, shared.remedy)


def _locked(analyses: Sequence[RevisionAnalysis], shared: SharedTransaction) -> list[RevisionAnalysis]:
    """Add what is wrong with the locks of revisions that one transaction runs."""
    judged = []
    held: list[_Held] = []
    known: frozenset[str] | None = None  # tables that others see: those before the transaction
    for analysis in analyses:
        trace = analysis.trace
        if known is None:
            known = frozenset(trace.tables)
        judged.append(_with(analysis, tuple(_of(analysis, held, known, shared)) if held else (), CODE))
        ended = _ends(trace)
        left = [_Held(trace.revision, window) for window in _left(analysis) if window.table in known]
        held = left if ended else held + left
        if ended and not left:
            known = None
    return judged


def _ends(trace: RevisionTrace) -> bool:
    """Return whether a revision ends the transaction that it finds, as an autocommit block or a failure does."""
    failed = bool(trace.error or trace.not_run) or any(one.error is not None for one in trace.upgrade)
    return failed or any(one.transaction is None for one in trace.upgrade) or len(last_statements(trace)) > 1


def _left(analysis: RevisionAnalysis) -> Iterator[LockWindow]:
    """Find the blocking locks that a revision leaves in the transaction that the next one goes on in."""
    statements = analysis.trace.upgrade
    if not statements or statements[-1].transaction is None:
        return
    for window in analysis.windows:
        if window.blocks and statements[window.from_statement].transaction == statements[-1].transaction:
            yield window


def _shared(trace: RevisionTrace, statement: int) -> bool:
    """Return whether a statement runs before a revision ends the transaction that it found."""
    upgrade = trace.upgrade[: statement + 1]
    return all(one.transaction is not None and one.transaction == upgrade[0].transaction for one in upgrade)


def _of(
    analysis: RevisionAnalysis, held: list[_Held], known: frozenset[str], shared: SharedTransaction
) -> Iterator[Diagnostic]:
    trace = analysis.trace
    tables = listed(list(dict.fromkeys(one.window.table for one in held)))
    first = held[0]
    who = "reads and writes" if any(one.window.blocks_reads for one in held) else "writes"
    because = (
        f"{who} of {tables} wait since revision {first.revision} ({first.window.mode.sql}): all of these revisions run "
        "in one transaction, and its locks are held until the last one is done"
    )
    worked = False
    for work in analysis.works:
        if work.table in known and _shared(trace, work.statement):
            worked = True
            does = f"{label(trace, work.statement)} {work.kind.value} {work.table}"
            yield Diagnostic(
                CODE, Severity.ERROR, work.statement, work.table, f"{does}, while {because}.", shared.remedy
            )
    more = [
        window
        for window in analysis.windows
        if window.blocks
        and window.table in known
        and window.table not in {one.window.table for one in held}
        and _shared(trace, window.from_statement)
    ]
    if more and not worked:
        names = listed(list(dict.fromkeys(window.table for window in more)))
        statement = more[0].from_statement
        text = f"{label(trace, statement)} locks {names} as well, while {because}."
        yield Diagnostic(CODE, Severity.WARNING, statement, more[0].table, text, shared.remedy)


def _with(analysis: RevisionAnalysis, diagnostics: tuple[Diagnostic, ...], code: str) -> RevisionAnalysis:
    """Add diagnostics, suppressed where the revision says why."""
    if not diagnostics:
        return analysis
    reason = analysis.trace.safety_assured.get(code, "").strip() or None
    added = tuple(replace(one, suppressed_reason=reason) for one in diagnostics)
    kept = tuple(
        one
        for one in analysis.diagnostics
        if not (one.code == UNUSED_SUPPRESSION and f'["{code}"]' in one.message and reason)
    )
    return replace(analysis, diagnostics=kept + added)
