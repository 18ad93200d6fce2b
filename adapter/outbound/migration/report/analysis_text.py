"""The analysis for a terminal: facts and diagnostics of each revision, then the verdict; details on request."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from adapter.outbound.migration.report.summary import verdict_of
from adapter.outbound.migration.report.terminal import buffered, print_code, shortened, shown, unpadded
from adapter.outbound.migration.report.waiting import predicted_against_observed, waits
from adapter.outbound.postgres.redaction import redact
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.one_line import in_one_line
from domain.migration.trace import StatementTrace

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_SQL_SHOWN = 70  # most characters of a statement in the table


def render(report: AnalysisReport, *, verbose: bool = False, color: bool = False, width: int = 120) -> str:
    """Return a report as text.

    Args:
        report: The report.
        verbose: Whether to show all statements, notes, and the fixes of warnings; fixes of errors are always shown.
        color: Whether to use colors.
        width: Width of the terminal in columns.
    """
    console, buffer = buffered(width, color=color)
    for analysis in report.revisions:
        _revision(console, analysis, verbose=verbose)
    console.print(shown(verdict_of(report), style="bold"))
    return unpadded(buffer.getvalue())


def _revision(console: Console, analysis: RevisionAnalysis, *, verbose: bool) -> None:
    trace = analysis.trace
    color = {"unsafe": "red", "safe": "green"}.get(analysis.verdict, "yellow")
    title = Text.assemble((analysis.verdict.upper(), f"bold {color}"), shown(f"  {trace.revision}  {trace.message}"))
    console.print(title)
    if trace.not_run:
        _fact(console, "not run", trace.not_run)
        return
    locks = ", ".join(f"{relation} {mode.sql}" for relation, mode in trace.locks.items())
    _fact(console, "locks", locks or "none on tables that existed before")
    if trace.rewritten:
        _fact(console, "rewritten", ", ".join(trace.rewritten))
    if windows := waits(analysis):
        lines = [f"{window.relation} {window.mode.sql}, {clause}" for window, clause in windows]
        _fact(console, "windows", "\n".join(lines))
    if observed := predicted_against_observed(analysis):
        _fact(console, "took", observed)
    strategy = analysis.strategy
    decided = f"{strategy.migration.value}; {strategy.index.value}; rollback: {strategy.rollback.value}"
    _fact(console, "strategy", decided)
    not_read = [f"{', '.join(trace.foreign_tables)} (foreign tables)"] if trace.foreign_tables else []
    not_read += [f"{table} ({reason})" for table, reason in trace.unread.items()]
    if not_read:
        _fact(console, "not read", "\n".join(not_read))
    if verbose and trace.unfilled:
        tables = (
            f"{table} has {trace.tables[table].rows} ({reason})"
            for table, reason in trace.unfilled.items()
            if table in trace.tables
        )
        _fact(console, "few rows", "; ".join(tables))
    if verbose:
        for reason in strategy.why:
            _indented(console, reason, 13)
        _statements(console, analysis)
    diagnostics = [
        diagnostic for diagnostic in analysis.diagnostics if verbose or diagnostic.severity is not Severity.NOTE
    ]
    _diagnostics(console, diagnostics, verbose=verbose)
    console.print()


def _statements(console: Console, analysis: RevisionAnalysis) -> None:
    for name, statements in (("upgrade", analysis.trace.upgrade), ("downgrade", analysis.trace.downgrade or ())):
        if not statements:
            continue
        table = Table(title=name, title_justify="left", box=None, pad_edge=False)
        for column in ("#", "line", "tx", "statement", "locks", "work", "ms"):
            table.add_column(column, overflow="fold")
        for number, statement in enumerate(statements, 1):
            table.add_row(
                str(number),
                str(statement.line or ""),
                "-" if statement.transaction is None else str(statement.transaction),
                Text(_sql(statement)),
                shown("\n".join(f"{relation} {mode.sql}" for relation, mode in sorted(statement.locks.items()))),
                shown(_work(statement)),
                f"{statement.duration_ms:.1f}",
            )
        console.print(table)


def _sql(statement: StatementTrace) -> str:
    text = in_one_line(redact(statement.sql), _SQL_SHOWN)
    times = f" ({statement.count} times)" if statement.count > 1 else ""
    return f"{text}{times}" + (f"\n{redact(statement.error)}" if statement.error else "")


def _work(statement: StatementTrace) -> str:
    lines = [f"rewrites {name}" for name in statement.rewritten]
    lines += [f"builds {name}" for name in statement.indexes_built]
    lines += [f"reads {rows:,} of {name}" for name, rows in statement.scanned.items() if rows]
    lines += [f"writes {rows.total:,} in {name}" for name, rows in statement.rows.items() if rows.total]
    lines += [f"locks {rows:,} rows of {name}" for name, rows in statement.locked.items()]
    return "\n".join(lines)


def _diagnostics(console: Console, diagnostics: list[Diagnostic], *, verbose: bool) -> None:
    last_fix = None
    for diagnostic in diagnostics:
        _diagnostic(console, diagnostic, verbose=verbose)
        shows_fix = diagnostic.suppressed_reason is None and (verbose or diagnostic.severity is Severity.ERROR)
        if shows_fix and diagnostic.fix and diagnostic.fix != last_fix:
            print_code(console, diagnostic.fix, 6)
            last_fix = diagnostic.fix


def _diagnostic(console: Console, diagnostic: Diagnostic, *, verbose: bool) -> None:
    color = "dim" if diagnostic.suppressed_reason else _COLORS[diagnostic.severity]
    at = "" if diagnostic.statement is None else f" (statement {diagnostic.statement + 1})"
    console.print(Text.assemble((f"  {diagnostic.severity.value}", color), f" {diagnostic.code}{at}"))
    _indented(console, shortened(diagnostic.message, verbose=verbose))
    if diagnostic.suppressed_reason:
        _indented(console, f"accepted: {diagnostic.suppressed_reason}")
        return
    _indented(console, diagnostic.help)


def _fact(console: Console, name: str, value: str) -> None:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=12)
    row.add_column(overflow="fold")
    row.add_row(Text(f"  {name}"), shown(value))
    console.print(row)


def _indented(console: Console, text: str, columns: int = 4) -> None:
    console.print(Padding(shown(text), (0, 0, 0, columns)))
