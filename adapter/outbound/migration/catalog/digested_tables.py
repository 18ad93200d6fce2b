"""The tables whose rows are digested, and the expressions that make texts and hashes of their values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: The name, quoted for SQL.
        type: The name of its type; for a domain, the type under all domains.
        not_null: Whether every row has a value.
        in_key: Whether it is part of the primary key.
        version: Changes when values of the type may get another text form; None where nothing says so.
        number: Its number; a column that is dropped and added again has another one.
    """

    name: str
    type: str
    not_null: bool
    in_key: bool
    version: str | None
    number: int

    @property
    def text(self) -> str:
        """Return the expression for the text form of a value; equal values have equal texts across similar types."""
        # A nondeterministic collation would give equal hashes to different texts.
        return f'({_TEXT_FORMS.get(self.type, "t.{}::text").format(self.name)}) COLLATE "C"'

    def hash(self, seed: str) -> str:
        """Return the expression for the hash of a value; the hash of NULL is NULL."""
        return f"hashtextextended({self.text}, {seed})"

    def objects(self, seed: str) -> str:
        """Return the expression for the sum of the hashes of JSON objects; NULL for a column of another type."""
        if self.type not in _JSON:
            return "NULL"
        return f"coalesce(sum({self.hash(seed)}) FILTER (WHERE {self.type}_typeof(t.{self.name}) = 'object'), 0)"


@dataclass(frozen=True)
class Table:
    """A table with its stored columns.

    Attributes:
        name: The name, qualified and quoted.
        partitioned: Whether it is partitioned.
        oid: Its OID.
        file: The number of its file; 0 where it has none.
        columns: Its columns.
        local: What replaces the name where parts are foreign.
    """

    name: str
    partitioned: bool
    oid: int
    file: int
    columns: tuple[Column, ...]
    local: str = ""

    @property
    def is_known_by_file(self) -> bool:
        """Whether the values in its file have the same texts as long as this description is the same."""
        return bool(self.file and not self.local) and all(column.version is not None for column in self.columns)

    @property
    def key(self) -> tuple[Column, ...]:
        """Return the columns of the primary key, sorted by name, so that reordered columns do not matter."""
        return tuple(sorted((column for column in self.columns if column.in_key), key=lambda column: column.name))

    @property
    def source(self) -> str:
        """Return the FROM item: all local partitions of a partitioned table, but no inheritance children of a table."""
        if self.partitioned and self.local:
            return f"{self.local} AS t"
        return f"{'' if self.partitioned else 'ONLY '}{self.name} AS t"

    @property
    def seed(self) -> str:
        """Return the expression for a row's identity: its primary key as a number; 0 without a primary key."""
        seed = "0"
        for position, column in enumerate(self.key):
            if column.type not in _INTEGERS:
                seed = column.hash(seed)
            elif position:
                seed = f"hashint8extended(t.{column.name}::bigint, {seed})"
            else:
                seed = f"t.{column.name}::bigint"
        return seed

    @property
    def whole(self) -> str:
        """Return the expression for a row's hash, which does not depend on the order of columns."""
        columns = sorted(self.columns, key=lambda column: column.name)
        record = f"ROW({', '.join(column.text for column in columns)})"
        # A record's hash is linear in the hashes of its fields, so without a second hash, sums miss swapped values.
        return f"hashint8extended(hash_record_extended({record}, 0), 0)"


NOT_EXCLUDED = f"""
           {IN_USER_SCHEMA}
       AND c.relname <> ALL (%(exclude)s::text[])
       AND n.nspname || '.' || c.relname <> ALL (%(exclude)s::text[])
       AND NOT EXISTS (SELECT FROM pg_depend AS d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""

# The type under a domain decides the text form of a value. A table without columns yields one row of NULLs. The text of
# a value of the types regclass and the like is the name of something else.
_TABLES = f"""
    WITH RECURSIVE below AS (
        SELECT oid AS domain, typbasetype AS type FROM pg_type WHERE typtype = 'd'
        UNION ALL
        SELECT b.domain, d.typbasetype FROM below AS b JOIN pg_type AS d ON d.oid = b.type AND d.typtype = 'd'
    ), base AS (
        SELECT b.domain, b.type FROM below AS b JOIN pg_type AS t ON t.oid = b.type AND t.typtype <> 'd'
    )
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
           c.relkind = 'p',
           c.oid::int8,
           c.relfilenode::int8,
           quote_ident(a.attname),
           format_type(coalesce(b.type, a.atttypid), NULL),
           a.attnotnull,
           coalesce(a.attnum = ANY (i.indkey), false),
           CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm') THEN
                    CASE WHEN t.typname !~ '^_?(reg|aclitem)' THEN '' END
                WHEN t.typtype = 'e' THEN
                    (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.oid)
                       FROM pg_enum AS e WHERE e.enumtypid = t.oid)
                WHEN t.typtype = 'b' THEN
                    (SELECT x.extname || ' ' || x.extversion FROM pg_depend AS d
                       JOIN pg_extension AS x ON x.oid = d.refobjid
                      WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
           END,
           a.attnum::int
      FROM pg_class AS c
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      LEFT JOIN base AS b ON b.domain = a.atttypid
      LEFT JOIN pg_type AS t ON t.oid = coalesce(b.type, a.atttypid)
      LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {NOT_EXCLUDED}
     ORDER BY name, a.attnum
"""  # noqa: S608 - constants of this file

_JSON = {"json", "jsonb"}
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXT_FORMS = {
    # Trailing zeros follow from the scale of the column and are not part of the value.
    "numeric": "trim_scale(t.{}::numeric)::text",
    # A real that is widened to double precision keeps its value, but its text changes.
    "real": "t.{}::double precision::text",
    # Whitespace and the order of keys are not part of a document. A duplicate key is, but jsonb would drop it.
    "json": (
        "CASE WHEN t.{0}::text IS JSON WITH UNIQUE KEYS AND pg_input_is_valid(t.{0}::text, 'jsonb')"
        " THEN t.{0}::jsonb::text ELSE t.{0}::text END"
    ),
}


def read_tables(
    cursor: psycopg.Cursor[Any], names: Collection[str] | None, exclude: Collection[str]
) -> Mapping[str, Table]:
    """Return the tables that are digested, by name: those of some names, or all."""
    cursor.execute(_TABLES, {"exclude": list(exclude)})
    described = cursor.fetchall()
    mixed = mixed_tables(cursor.connection)
    tables = {}
    for (name, partitioned, oid, file), rows in groupby(described, key=itemgetter(0, 1, 2, 3)):
        if names is None or name in names:
            columns = tuple(Column(*column) for _, _, _, _, *column in rows if column[0] is not None)
            tables[name] = Table(name, partitioned, oid, file, columns, mixed[oid].source if oid in mixed else "")
    return tables
