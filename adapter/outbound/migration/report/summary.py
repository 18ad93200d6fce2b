"""The summary line of an analysis."""

from application.migration.analyze import AnalysisReport


def verdict_of(report: AnalysisReport) -> str:
    """Return one line with the number of unsafe revisions and of those that were not judged."""
    unsafe = sum(analysis.verdict == "unsafe" for analysis in report.revisions)
    count = len(report.revisions)
    not_judged = not_judged_in(report)
    verdict = f"{unsafe} of {count} unsafe" if unsafe else f"all {count} safe" if count > 1 else "safe"
    if not_judged:
        safe = count - unsafe - not_judged
        verdict = f"{unsafe} of {count} unsafe, {not_judged} not judged" if unsafe else f"{not_judged} not judged"
        verdict += f", {safe} safe" if safe and not unsafe else ""
    if not count:
        verdict = _EMPTY if report.is_history_empty else "no revision in this range"
    if report.unjudged:
        verdict += f", {report.unjudged} up to start_after not judged"
    extension = f", pgvector {report.pgvector}" if report.pgvector else ""
    return f"{verdict} (measured on Postgres {report.postgres}{extension})"


def not_judged_in(report: AnalysisReport) -> int:
    """Return the number of revisions that could not be run."""
    return sum(bool(analysis.trace.not_run) for analysis in report.revisions)


_EMPTY = (
    "no revision in this history: Alembic finds none in version_locations of its configuration, and what env.py sets "
    "while it runs is not read"
)
