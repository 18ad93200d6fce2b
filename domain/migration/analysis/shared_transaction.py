"""Revisions that run in one transaction: the locks of earlier revisions are held while later ones work.

By default Alembic runs all revisions of an `alembic upgrade` in one transaction. If one revision adds a constraint NOT
VALID and the next one validates it, the validation runs under the lock of the first. Objects that the transaction has
created do not count, because nobody else sees them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.migration.analysis.lock_windows import LockWindow, last_statements
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rule import UNUSED_SUPPRESSION
from domain.migration.analysis.wording import activity, label, listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.trace import RevisionTrace

CODE = "locks-of-earlier-revisions"
FAILS = "fails-in-one-transaction"


@dataclass(frozen=True)
class SharedTransaction:
    """The place where a project makes Alembic run several revisions in one transaction.

    Attributes:
        file: Name of the file that configures Alembic, usually env.py.
        line: Line of `context.configure` in it; 0 if it is not known.
        begun_outside: Whether the file begins the transaction itself, before it configures Alembic.
    """

    file: str
    line: int
    begun_outside: bool = False

    @property
    def remedy(self) -> str:
        """The change of the file that gives each revision its own transaction."""
        place = f"{self.file}, line {self.line}" if self.line else self.file
        if self.begun_outside:
            return (
                f"In {place}: hand context.configure a connection without a transaction (engine.connect(), not "
                "engine.begin(); connection.commit() after statements of env.py itself), and "
                "transaction_per_migration=True."
            )
        return f"In {place}: add transaction_per_migration=True to context.configure(…)."


def with_needs(
    analyses: Sequence[RevisionAnalysis], ask: Callable[[], SharedTransaction | None]
) -> list[RevisionAnalysis]:
    """Add a comment to fixes with an autocommit block, if env.py must be changed before the block can commit.

    Args:
        analyses: Analyses of the revisions.
        ask: Function that returns how the project runs them in one transaction, or None. It is called only if a fix
            has an autocommit block.
    """
    if not any(_commits(diagnostic) for analysis in analyses for diagnostic in analysis.diagnostics):
        return list(analyses)
    shared = ask()
    if shared is None or not shared.begun_outside:
        return list(analyses)
    need = f"# First, because autocommit_block() cannot commit otherwise. {shared.remedy}\n"
    return [
        replace(
            analysis,
            diagnostics=tuple(
                replace(diagnostic, fix=f"{need}{diagnostic.fix}") if _commits(diagnostic) else diagnostic
                for diagnostic in analysis.diagnostics
            ),
        )
        for analysis in analyses
    ]


def _commits(diagnostic: Diagnostic) -> bool:
    return "autocommit_block()" in (diagnostic.fix or "")


@dataclass(frozen=True)
class JointFailure:
    """A revision that succeeds after a commit of the earlier revisions, and fails in one transaction with them.

    Attributes:
        revision: Id of the revision.
        error: Message of the error.
    """

    revision: str
    error: str


@dataclass(frozen=True)
class _HeldLock:
    """A blocking lock of an earlier revision."""

    revision: str
    window: LockWindow


def judge_together(
    analyses: Sequence[RevisionAnalysis], shared: SharedTransaction | None, failure: JointFailure | None = None
) -> list[RevisionAnalysis]:
    """Return analyses with the diagnostics that arise because the revisions share a transaction.

    Work under a lock of an earlier revision is an error. A failure that a commit of the earlier revisions avoids is an
    error, too. Locks that accumulate over several revisions are a warning.

    Args:
        analyses: Analyses of the revisions, in the order in which they run.
        shared: How the project runs them in one transaction; None if each revision has its own.
        failure: Failure in the shared transaction; None if there was none.
    """
    if shared is None:
        return list(analyses)
    judged = _with_lock_diagnostics(analyses, shared)
    if failure is None:
        return judged
    return [
        _with_diagnostics(analysis, (_failure_diagnostic(failure, shared),), FAILS)
        if analysis.trace.revision == failure.revision
        else analysis
        for analysis in judged
    ]


def _failure_diagnostic(failure: JointFailure, shared: SharedTransaction) -> Diagnostic:
    reason = failure.error.partition("\n")[0].rstrip(".")
    text = (
        f"The revision fails in one transaction with the revisions before it: {reason}. It succeeds after they have "
        "committed."
    )
    return Diagnostic(FAILS, Severity.ERROR, None, None, text, shared.remedy)


def _with_lock_diagnostics(analyses: Sequence[RevisionAnalysis], shared: SharedTransaction) -> list[RevisionAnalysis]:
    """Return analyses with the diagnostics about locks that are held across revisions."""
    judged = []
    held_locks: list[_HeldLock] = []
    visible_tables: frozenset[str] | None = None  # what existed before the transaction, so that others see it
    for analysis in analyses:
        trace = analysis.trace
        if visible_tables is None:
            visible_tables = frozenset(trace.tables) | analysis.views_and_sequences
        judged.append(
            _with_diagnostics(
                analysis,
                tuple(_lock_diagnostics(analysis, held_locks, visible_tables, shared)) if held_locks else (),
                CODE,
            )
        )
        ended = _ends_transaction(trace)
        remaining = [
            _HeldLock(trace.revision, window) for window in _remaining_locks(analysis) if window.table in visible_tables
        ]
        held_locks = remaining if ended else held_locks + remaining
        if ended and not remaining:
            visible_tables = None
    return judged


def _ends_transaction(trace: RevisionTrace) -> bool:
    """Return whether a revision ends the shared transaction, as an autocommit block or a failure does."""
    failed = bool(trace.error or trace.not_run) or any(statement.error is not None for statement in trace.upgrade)
    commits = any(statement.transaction is None for statement in trace.upgrade)
    return failed or commits or len(last_statements(trace)) > 1


def _remaining_locks(analysis: RevisionAnalysis) -> Iterator[LockWindow]:
    """Return the blocking locks, on tables first, that are still held when the next revision continues."""
    statements = analysis.trace.upgrade
    if not statements or statements[-1].transaction is None:
        return
    for window in (*analysis.windows, *analysis.other_windows):
        if window.blocks and statements[window.from_statement].transaction == statements[-1].transaction:
            yield window


def _in_shared_transaction(trace: RevisionTrace, statement: int) -> bool:
    """Return whether a statement still runs in the transaction in which the revision began."""
    upgrade = trace.upgrade[: statement + 1]
    return all(traced.transaction is not None and traced.transaction == upgrade[0].transaction for traced in upgrade)


def _lock_diagnostics(
    analysis: RevisionAnalysis, held_locks: list[_HeldLock], visible_tables: frozenset[str], shared: SharedTransaction
) -> Iterator[Diagnostic]:
    trace = analysis.trace
    # those that block most: of a lock that blocks writes only it would not be true that reads wait
    heaviest = [lock for lock in held_locks if lock.window.blocks_reads] or held_locks
    tables = listed(list(dict.fromkeys(lock.window.table for lock in heaviest)))
    first = heaviest[0]
    who = "reads and writes" if first.window.blocks_reads else "writes"
    because = (
        f"{who} of {tables} wait since revision {first.revision} ({first.window.mode.sql}): all of these revisions run "
        "in one transaction, which holds its locks until the last revision is done"
    )
    works = [
        work
        for work in analysis.works
        if work.table in visible_tables and _in_shared_transaction(trace, work.statement)
    ]
    if works:
        statement = works[0].statement
        others = len({work.statement for work in works}) - 1
        more = "" if not others else f", and {others} further statement{'s work' if others > 1 else ' works'} as well"
        first_works = [work for work in works if work.statement == statement]
        text = f"{label(trace, statement)} {activity(first_works)}{more}, while {because}."
        yield Diagnostic(CODE, Severity.ERROR, statement, first_works[0].table, text, shared.remedy)
    further_locks = [
        window
        for window in analysis.windows
        if window.blocks
        and window.table in visible_tables
        and window.table not in {lock.window.table for lock in held_locks}
        and _in_shared_transaction(trace, window.from_statement)
    ]
    if further_locks and not works and any(lock.window.kind == "table" for lock in held_locks):
        names = listed(list(dict.fromkeys(window.table for window in further_locks)))
        statement = further_locks[0].from_statement
        text = f"{label(trace, statement)} locks {names} as well, while {because}."
        yield Diagnostic(CODE, Severity.WARNING, statement, further_locks[0].table, text, shared.remedy)


def _with_diagnostics(analysis: RevisionAnalysis, diagnostics: tuple[Diagnostic, ...], code: str) -> RevisionAnalysis:
    """Return an analysis with more diagnostics, which are suppressed if the revision has a reason for their code."""
    if not diagnostics:
        return analysis
    reason = analysis.trace.safety_assured.get(code, "").strip() or None
    added = tuple(replace(diagnostic, suppressed_reason=reason) for diagnostic in diagnostics)
    remaining = tuple(
        diagnostic
        for diagnostic in analysis.diagnostics
        if not (diagnostic.code == UNUSED_SUPPRESSION and f'["{code}"]' in diagnostic.message and reason)
    )
    return replace(analysis, diagnostics=remaining + added)
