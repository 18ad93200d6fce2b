"""A kind of object of a schema, and the query that reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from domain.migration.snapshot import Value


@dataclass(frozen=True)
class Kind:
    """A kind of object and the query that reads all of that kind.

    Attributes:
        name: The first part of the key.
        query: Gives `name`, the second part of the key, and a column for each attribute.
        since: The first server version that has the catalogs of the query, as libpq numbers them.
        until: The first server version that has another query for this kind.
        newer: Columns of catalogs that older servers do not have, with the version that brought them; NULL before.
        defaults: What NULL stands for in some attributes. To write a NULL is far cheaper for the server.
    """

    name: LiteralString
    query: LiteralString
    since: int = 0
    until: int = 1_000_000
    newer: tuple[tuple[LiteralString, int], ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def query_for(self, server_version: int) -> LiteralString:
        """Return the query that this server understands."""
        query = self.query
        for column, since in self.newer:
            if server_version < since:
                query = query.replace(column, "NULL")
        return query
