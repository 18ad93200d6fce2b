"""Objects that prevent a column's type change: generated columns, views, triggers, policies, functions.

A generated column on which nothing else depends is dropped before the change and added again after it. Postgres then
computes its values anew. Dropping any other object would lose more than its definition (grants, comments, its own
dependents). Such an object is reported by name, and the change is left to the author.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from adapter.outbound.database.autogenerate.expressions import PREPARER


@dataclass(frozen=True)
class GeneratedColumn:
    """A generated column that can be dropped and added again.

    Attributes:
        name: The unquoted name of the column.
        drop: The statement that drops the column.
        expression: The generation expression as the catalog has it.
        rest: The text before and the text after the expression in the statement that adds the column.
    """

    name: str
    drop: str
    expression: str
    rest: tuple[str, str]

    @property
    def add(self) -> str:
        """The statement that adds the column as it was."""
        return self.with_expression(self.expression)

    def with_expression(self, expression: str) -> str:
        """Return the statement that adds the column with another expression."""
        return expression.join(self.rest)


def generated_columns(connection: Connection, table: str, column: str) -> Iterator[GeneratedColumn]:
    """Return the generated columns that read a column and on which nothing else depends.

    Args:
        connection: A connection to the database.
        table: The quoted name of the table.
        column: The unquoted name of the column.
    """
    for row in connection.execute(text(_GENERATED), {"table": table, "column": column}):
        if not row.used:
            quoted, alter = PREPARER.quote(row.name), f"ALTER TABLE {table}"
            rest = f"{alter} ADD COLUMN {row.head} GENERATED ALWAYS AS (", f") {row.tail}"
            yield GeneratedColumn(row.name, f"{alter} DROP COLUMN {quoted}", row.expression, rest)


def readers_of(connection: Connection, table: str, column: str) -> list[str]:
    """Return the names of all generated columns that read a column."""
    rows = connection.execute(text(_GENERATED), {"table": table, "column": column})
    return [row.name for row in rows]


@dataclass(frozen=True)
class Part:
    """An index or constraint that is dropped with a column, and can be created again after it.

    Attributes:
        name: The unquoted name.
        drop: The statement that drops it.
        add: The statement that creates it again.
    """

    name: str
    drop: str
    add: str


def parts_of(connection: Connection, table: str, column: str) -> Iterator[Part]:
    """Return the indexes and constraints of a table that stand on a column.

    Args:
        connection: A connection to the database.
        table: The quoted name of the table.
        column: The unquoted name of the column.
    """
    for row in connection.execute(text(_PARTS), {"table": table, "column": column}):
        if row.is_index:
            yield Part(row.name, f"DROP INDEX {row.qualified}", row.definition)
        else:
            name = PREPARER.quote(row.name)
            add = f"ALTER TABLE {table} ADD CONSTRAINT {name} {row.definition}"
            yield Part(row.name, f"ALTER TABLE {table} DROP CONSTRAINT {name}", add)


def obstacles(connection: Connection, table: str, column: str) -> list[str]:
    """Return a description of each object that must be dropped by hand before the column's type can change."""
    dependents = list(connection.scalars(text(_OBSTACLES), {"table": table, "column": column}))
    generated = connection.execute(text(_GENERATED), {"table": table, "column": column})
    return dependents + [
        f"generated column {row.name} of table {table}, on which {row.used} depends" for row in generated if row.used
    ]


_GENERATED = """
WITH target AS (
    SELECT attrelid, attnum FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass(:table) AND attname = :column
)
SELECT CAST(g.attname AS text) AS name,
       concat_ws(' ', quote_ident(g.attname), format_type(g.atttypid, g.atttypmod),
                 CASE WHEN g.attcollation <> y.typcollation
                      THEN 'COLLATE ' || CAST(CAST(g.attcollation AS regcollation) AS text) END) AS head,
       pg_get_expr(a.adbin, a.adrelid) AS expression,
       concat_ws(' ', CASE g.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END,
                 CASE WHEN g.attnotnull THEN 'NOT NULL' END) AS tail,
       (SELECT string_agg(pg_describe_object(o.classid, o.objid, o.objsubid), ', ')
          FROM pg_catalog.pg_depend AS o
         WHERE o.refclassid = CAST('pg_class' AS regclass) AND o.refobjid = g.attrelid AND o.refobjsubid = g.attnum
           AND NOT (o.classid = CAST('pg_attrdef' AS regclass) AND o.objid = a.oid)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                            WHERE o.classid = CAST('pg_constraint' AS regclass) AND k.oid = o.objid
                              AND k.contype = 'n')) AS used
  FROM target AS t
  JOIN pg_catalog.pg_attribute AS g ON g.attrelid = t.attrelid AND g.attgenerated <> '' AND NOT g.attisdropped
  JOIN pg_catalog.pg_type AS y ON y.oid = g.atttypid
  JOIN pg_catalog.pg_attrdef AS a ON a.adrelid = g.attrelid AND a.adnum = g.attnum
 WHERE EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = CAST('pg_attrdef' AS regclass) AND d.objid = a.oid
                  AND d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid = t.attrelid
                  AND d.refobjsubid = t.attnum)
 ORDER BY g.attnum
"""

_PARTS = """
WITH target AS (
    SELECT attrelid, attnum FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass(:table) AND attname = :column
)
SELECT CAST(k.conname AS text) AS name, '' AS qualified, pg_get_constraintdef(k.oid) AS definition, false AS is_index
  FROM target
  JOIN pg_catalog.pg_constraint AS k ON k.conrelid = attrelid AND k.contype <> 'n' AND attnum = ANY (k.conkey)
 UNION ALL
SELECT CAST(c.relname AS text), CAST(CAST(c.oid AS regclass) AS text), pg_get_indexdef(c.oid), true
  FROM target
  JOIN pg_catalog.pg_index AS i ON i.indrelid = attrelid
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.conrelid = attrelid)
   AND EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                WHERE d.classid = CAST('pg_class' AS regclass) AND d.objid = i.indexrelid
                  AND d.refobjid = attrelid AND d.refobjsubid = attnum)
 ORDER BY is_index, name
"""

_OBSTACLES = """
SELECT DISTINCT CASE WHEN r.oid IS NULL THEN pg_describe_object(d.classid, d.objid, 0)
                     ELSE pg_describe_object(CAST('pg_class' AS regclass), r.ev_class, 0) END
  FROM pg_catalog.pg_attribute AS a
  JOIN pg_catalog.pg_depend AS d
    ON d.refclassid = CAST('pg_class' AS regclass) AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
  LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = CAST('pg_rewrite' AS regclass) AND r.oid = d.objid
 WHERE a.attrelid = to_regclass(:table) AND a.attname = :column
   AND d.classid IN (CAST('pg_rewrite' AS regclass), CAST('pg_trigger' AS regclass), CAST('pg_policy' AS regclass),
                     CAST('pg_proc' AS regclass), CAST('pg_publication_rel' AS regclass))
 ORDER BY 1
"""
