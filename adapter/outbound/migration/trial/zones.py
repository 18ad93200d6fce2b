"""The upgrade under another TimeZone, for revisions whose result may depend on it."""

from adapter.outbound.migration.sandbox.session_settings import OTHER_ZONES
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry
from domain.migration.trace import RevisionTrace, ZoneRun


def in_another_zone(databases: RevisionDatabases, entry: HistoryEntry, trace: RevisionTrace) -> ZoneRun | None:
    """Run an upgrade under another TimeZone, when it changes columns between the two types of timestamp.

    Returns:
        The run; None when the revision changes no such columns, or when the TimeZone of the target is known.
    """
    if databases.project.settings or not _changes_zones(trace):
        return None
    base = databases.at(entry.parents, at_once=True)
    settings = databases.settings(base.url).taken
    traced_zone = settings["TimeZone"]
    other_zone = next(zone for zone in OTHER_ZONES if zone != traced_zone)
    result = databases.run(
        base.url, "upgrade", entry.revision, trace=True, settings={**settings, "TimeZone": other_zone}
    )
    databases.drop(base)
    return ZoneRun(traced_zone, other_zone, result.run_of(entry.revision, "upgrade").statements)


def _changes_zones(trace: RevisionTrace) -> bool:
    """Return whether columns of both timestamp types were added, dropped or changed."""
    if trace.before is None or trace.after is None:
        return False
    timestamp_columns = (
        {
            (name, str(attributes["type"]))
            for (kind, name), attributes in catalog.objects.items()
            if kind == "column" and "timestamp" in str(attributes["type"])
        }
        for catalog in (trace.before, trace.after)
    )
    before, after = timestamp_columns
    return any("with time zone" in kind for _, kind in before ^ after) and any(
        "without time zone" in kind for _, kind in before ^ after
    )
