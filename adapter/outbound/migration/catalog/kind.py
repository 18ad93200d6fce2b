"""A kind of schema object, and the query that reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import LiteralString

from domain.migration.snapshot import Value


@dataclass(frozen=True)
class Kind:
    """A kind of schema object and the query that reads all objects of that kind.

    Attributes:
        name: The first part of the key.
        query: A query for `name`, the second part of the key, and a column for each attribute.
        since: The first server version that has the catalogs of the query, in libpq's numbering.
        until: The first server version that needs another query for this kind.
        newer: Expressions on catalog columns that older servers lack, with the version that added them; the query reads
            NULL instead on older servers.
        defaults: The values that NULL stands for in some attributes, because the server writes a NULL much faster.
    """

    name: LiteralString
    query: LiteralString
    since: int = 0
    until: int = 1_000_000
    newer: tuple[tuple[LiteralString, int], ...] = ()
    defaults: Mapping[str, Value] = field(default_factory=dict)

    def query_for(self, server_version: int) -> LiteralString:
        """Return the query for this server version."""
        query = self.query
        for column, since in self.newer:
            if server_version < since:
                query = query.replace(column, "NULL")
        return query
