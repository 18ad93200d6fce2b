"""The sentences about waiting statements and durations in the text and Markdown reports."""

from adapter.outbound.migration.report.durations import between, duration
from domain.migration.analysis.lock_windows import LockWindow
from domain.migration.analysis.revision_analysis import RevisionAnalysis


def waits(analysis: RevisionAnalysis) -> list[tuple[LockWindow, str]]:
    """Return the blocking locks whose duration was estimated from measurements at growing sizes, each with a clause.

    For example: `reads and writes wait, 12 s to 20 s (measured at 2,000 to 16,000 rows; target 5,100,000)`.
    """
    windows = []
    for window, measured in zip(analysis.windows, analysis.measured, strict=True):
        if window.blocks and window.estimate_seconds and measured:
            traffic = "reads and writes wait" if window.blocks_reads else "writes wait"
            sizes = "; ".join(_sizes(analysis, window, table, rows) for table, rows in measured.items())
            windows.append((window, f"{traffic}, {between(*window.estimate_seconds)} ({sizes})"))
    return windows


def predicted_against_observed(analysis: RevisionAnalysis) -> str:
    """Return the observed duration of a deployment and the prediction; empty where no deployment was observed."""
    if analysis.observed_seconds is None:
        return ""
    observed = f"{duration(analysis.observed_seconds)} where it was deployed"
    if analysis.predicted_seconds is None:
        return f"{observed}; nothing was predicted"
    low, high = analysis.predicted_seconds
    where = "as" if low <= analysis.observed_seconds <= high else "not as"
    return f"{observed}, {where} predicted: {between(low, high)}"


def _sizes(analysis: RevisionAnalysis, window: LockWindow, table: str, rows: tuple[int, ...]) -> str:
    name = "" if table == window.table else f"{table} "
    target = analysis.statistics.get(table)
    target_size = f"; target {target.rows:,}" if target is not None else ""
    return f"{name}measured at {rows[0]:,} to {rows[-1]:,} rows{target_size}"
