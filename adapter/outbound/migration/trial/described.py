"""Traces with what a revision says of itself."""

from pathlib import Path
from typing import Any

from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace


def describe(databases: RevisionDatabases, entry: HistoryEntry, **fields: Any) -> RevisionTrace:
    """Return a trace of a revision with what its file declares.

    Args:
        databases: Have the history.
        entry: The revision.
        fields: Further fields of `RevisionTrace`, by name.
    """
    listed = databases.listed(entry.revision)
    path = Path(listed.path)
    catalogs: list[SchemaSnapshot] = [fields[name] for name in ("before", "after") if fields.get(name) is not None]
    root = databases.project.config.resolve().parent
    return RevisionTrace(
        revision=listed.revision,
        down_revision=listed.down_revision,
        path=str(path.relative_to(root) if path.is_relative_to(root) else path),
        message=listed.message,
        docstring=listed.docstring,
        safety_assured=dict(listed.safety_assured),
        lossy_downgrade=listed.lossy_downgrade if isinstance(listed.lossy_downgrade, dict) else {},
        irreversible=listed.irreversible.strip() if isinstance(listed.irreversible, str) else "",
        source=path.read_text(encoding="utf-8"),
        refused_settings=databases.refused_settings,
        foreign_tables=tuple(sorted({name for catalog in catalogs for name in catalog.foreign_tables})),
        **fields,
    )
