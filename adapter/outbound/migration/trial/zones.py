"""Whether a revision does the same under another TimeZone."""

from adapter.outbound.migration.sandbox.session_settings import OTHER_ZONES
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry
from domain.migration.trace import RevisionTrace, ZoneRun


def in_another_zone(databases: RevisionDatabases, entry: HistoryEntry, trace: RevisionTrace) -> ZoneRun | None:
    """Run an upgrade once more under another TimeZone, where columns went between the types that depend on it."""
    if databases.project.settings or not _changes_zones(trace):
        return None
    base = databases.at(entry.parents, at_once=True)
    settings = databases.settings(base.url).taken
    here = settings["TimeZone"]
    there = next(zone for zone in OTHER_ZONES if zone != here)
    up = databases.run(base.url, "upgrade", entry.revision, trace=True, settings={**settings, "TimeZone": there})
    databases.drop(base)
    return ZoneRun(here, there, up.run_of(entry.revision, "upgrade").statements)


def _changes_zones(trace: RevisionTrace) -> bool:
    """Return whether columns of tables that were there came, went or changed, of both kinds of timestamp."""
    if trace.before is None or trace.after is None:
        return False
    found = (
        {
            (name, str(held["type"]))
            for (kind, name), held in catalog.objects.items()
            if kind == "column" and "timestamp" in str(held["type"])
        }
        for catalog in (trace.before, trace.after)
    )
    before, after = found
    return any("with time zone" in kind for _, kind in before ^ after) and any(
        "without time zone" in kind for _, kind in before ^ after
    )
