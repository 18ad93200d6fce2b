"""Answers about values, which are kept from one database to the next where both would give the same.

Whether values pass the checks of a column depends on the expression and its types only, unless the user's own
functions, operators, casts or collations take part.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg

from adapter.outbound.migration.rows.catalog import Schema

Known: TypeAlias = dict[Hashable, list[Any]]
"""Answers by their questions."""

_USERS_OWN = " OR ".join(
    f"""EXISTS (SELECT FROM pg_catalog.pg_{name} o WHERE o.oid >= 16384 AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_{name}'::pg_catalog.regclass
                AND d.objid = o.oid AND d.deptype = 'e'))"""  # noqa: S608 - constants
    for name in ("proc", "operator", "cast", "collation")
)
_SURROUNDINGS = f"""
SELECT {_USERS_OWN},
       (SELECT pg_catalog.string_agg(extname || ' ' || extversion, ',' ORDER BY extname) FROM pg_catalog.pg_extension),
       (SELECT pg_catalog.string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_catalog.pg_settings
         WHERE source IN ('database', 'user', 'database user', 'global'))
"""  # noqa: S608 - constants


@dataclass
class Answers:
    """The answers that were given in databases of one server, by what they depend on."""

    _known: dict[Hashable, Known] = field(default_factory=dict)

    def given_in(self, connection: psycopg.Connection[Any], schema: Schema) -> Known:
        """Return the answers that hold in a database, to which further ones are added.

        Args:
            connection: A connection to the database.
            schema: Its schema.
        """
        row = connection.execute(_SURROUNDINGS.encode()).fetchone()
        if row is None or row[0]:
            return {}
        used_types = {column.type for table in schema.tables.values() for column in table.columns.values()}
        # the types of a table's rows, and of arrays of them, change with the table, and hardly any column has one
        of_rows = {kind.oid for kind in schema.types.values() if kind.relation in schema.tables}
        types = tuple(
            (kind, schema.fields.get(kind.relation) if kind.relation else None)
            for _, kind in sorted(schema.types.items())
            if kind.oid in used_types or of_rows.isdisjoint((kind.oid, kind.element))
        )
        return self._known.setdefault((row[1:], types), {})
