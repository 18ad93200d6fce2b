"""The upgrade under another TimeZone, for revisions whose result may depend on it."""

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.sandbox.session_settings import OTHER_ZONES
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.digest import compare
from domain.migration.history import HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace, ZoneRun


def in_another_zone(databases: RevisionDatabases, entry: HistoryEntry, trace: RevisionTrace) -> ZoneRun | None:
    """Run an upgrade and its downgrade under another TimeZone, when columns change between types that depend on it.

    Returns:
        The run; None when the revision changes no such columns, or when the TimeZone of the target is known.
    """
    if databases.project.settings or not depends_on_zone(trace):
        return None
    with databases.at(entry.parents, at_once=True) as base:
        settings = databases.settings(base.url).taken
        traced_zone = settings["TimeZone"]
        other_zone = next(zone for zone in OTHER_ZONES if zone != traced_zone)
        settings = {**settings, "TimeZone": other_zone}
        rows = base.digest()
        upgrade = base.run(Command.UPGRADE, entry.revision, trace=True, settings=settings)
        lost = frozenset[str]()
        if upgrade.error is None and base.run(Command.UNDO, entry.revision, settings=settings).error is None:
            lost = frozenset(change.subject for change in compare(rows, base.digest()).losses)
    return ZoneRun(traced_zone, other_zone, upgrade.run_of(entry.revision, "upgrade").statements, lost)


def depends_on_zone(trace: RevisionTrace) -> bool:
    """Return whether a revision may convert values between a type with a time zone and one without.

    That is so where a column changes its type from or to one with a time zone, or where columns of both types of
    timestamp are added or dropped.
    """
    if trace.before is None or trace.after is None:
        return False
    before, after = _column_types(trace.before), _column_types(trace.after)
    if any(_has_zone(before[name]) != _has_zone(after[name]) for name in before.keys() & after.keys()):
        return True
    types = {kind for _, kind in before.items() ^ after.items()}
    return any(map(_has_zone, types)) and any("timestamp" in kind and not _has_zone(kind) for kind in types)


def _column_types(catalog: SchemaSnapshot) -> dict[str, str]:
    return {name: str(attributes["type"]) for (kind, name), attributes in catalog.objects.items() if kind == "column"}


def _has_zone(kind: str) -> bool:
    return "with time zone" in kind or kind.startswith("tstz")
