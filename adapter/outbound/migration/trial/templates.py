"""Databases that were saved, so that their contents are made only once."""

import json
from contextlib import suppress

from adapter.outbound.migration.trial.database import Database, DatabaseMaker
from adapter.outbound.postgres.errors import DatabaseError


class Templates:
    """The templates of a sandbox."""

    def __init__(self, maker: DatabaseMaker) -> None:
        """Read the templates of a sandbox.

        Args:
            maker: Creates the databases.
        """
        self._maker = maker
        self._spare_copy: tuple[str, Database] | None = None  # key of a template, and an unused copy of it

    def has(self, key: str) -> bool:
        """Return whether a template with this key exists."""
        return self._maker.sandbox.has_template(key)

    def copy_newest(self) -> None:
        """Copy the newest template, which is usually needed next, while the agent imports its libraries."""
        template = self._maker.sandbox.newest_template()
        with suppress(DatabaseError):  # a parallel job has dropped the template meanwhile
            self._spare_copy = (template, self._maker.create(template)) if template else None

    def copy(self, key: str) -> Database:
        """Create a database from a template."""
        note = json.loads(self._maker.sandbox.template_note(key) or "{}")
        if self._spare_copy is not None and self._spare_copy[0] == key:
            (_, database), self._spare_copy = self._spare_copy, None
        else:
            database = self._maker.create(key)
        database.unfilled, database.young = note.get("unfilled", {}), note.get("young", {})
        return database
