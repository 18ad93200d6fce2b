"""The catalog of a database at some moment, and the changes between two moments."""

from __future__ import annotations

from typing import Any

# Each object in user schemas that is not part of an extension: system catalog, OID, column number, OID of its table,
# kind, name, hash of its properties, and for relations the number of the file.
_CATALOG = r"""
WITH now AS MATERIALIZED (
    SELECT (pg_catalog.pg_current_xact_id_if_assigned()::text::numeric % 4294967296)::bigint AS number
), spaces AS MATERIALIZED (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), of_extension AS MATERIALIZED (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relations AS MATERIALIZED (
    SELECT c.*, c.xmin AS version, pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND e.objid = c.oid)
), objects (catalog, oid, sub, parent, kind, name, properties, file) AS (
    SELECT 'pg_class', c.oid, 0, coalesce(i.indrelid, 0),
        CASE c.relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'm' THEN 'materialized view'
            WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type'
            ELSE 'table' END,
        c.name,
        row(c.relname, c.relnamespace, c.relowner, c.relkind, c.reloptions, c.relpersistence, c.relreplident,
            c.relrowsecurity, c.relforcerowsecurity, c.reltablespace, c.relam, c.relacl, c.relpartbound,
            i.indisvalid, i.indisready, i.indisunique, i.indisprimary, i.indisreplident, i.indisclustered,
            q.seqtypid, q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache, q.seqcycle, w.ev_action)::text,
        c.relfilenode
    FROM relations c
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
    LEFT JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid AND w.rulename = '_RETURN'
    WHERE true {relation}
    UNION ALL
    SELECT 'pg_class', a.attrelid, a.attnum, a.attrelid,
        CASE c.relkind WHEN 'v' THEN 'view column' WHEN 'm' THEN 'materialized view column' WHEN 'c' THEN 'type column'
            ELSE 'table column' END,
        c.name || '.' || pg_catalog.quote_ident(a.attname),
        row(a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
            a.attcompression, a.attstattarget, a.attcollation, a.attoptions, a.attacl, d.adbin)::text, 0
    FROM relations c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') {column}
    UNION ALL
    SELECT 'pg_constraint', o.oid, 0, o.conrelid, 'table constraint',
        pg_catalog.quote_ident(o.conname) || ' on ' || c.name, o::text, 0
    FROM pg_catalog.pg_constraint o JOIN relations c ON c.oid = o.conrelid WHERE true {o}
    UNION ALL
    SELECT 'pg_constraint', o.oid, 0, 0, 'domain constraint',
        pg_catalog.quote_ident(o.conname) || ' on ' || pg_catalog.format_type(o.contypid, NULL), o::text, 0
    FROM pg_catalog.pg_constraint o JOIN spaces s ON s.oid = o.connamespace WHERE o.contypid <> 0 {o}
    UNION ALL
    SELECT 'pg_type', t.oid, 0, 0, 'type',
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(t.typname),
        t::text || coalesce((SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), ''), 0
    FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typcategory <> 'A'
        AND NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
            AND e.objid = t.oid) {type}
    UNION ALL
    SELECT 'pg_proc', p.oid, 0, 0,
        CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(p.proname)
            || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', p::text, 0
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        AND e.objid = p.oid) {p}
    UNION ALL
    SELECT 'pg_trigger', t.oid, 0, t.tgrelid, 'trigger', pg_catalog.quote_ident(t.tgname) || ' on ' || c.name,
        t::text, 0
    FROM pg_catalog.pg_trigger t JOIN relations c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal {t}
    UNION ALL
    SELECT 'pg_rewrite', w.oid, 0, w.ev_class, 'rule', pg_catalog.quote_ident(w.rulename) || ' on ' || c.name,
        w::text, 0
    FROM pg_catalog.pg_rewrite w JOIN relations c ON c.oid = w.ev_class WHERE w.rulename <> '_RETURN' {w}
    UNION ALL
    SELECT 'pg_policy', p.oid, 0, p.polrelid, 'policy', pg_catalog.quote_ident(p.polname) || ' on ' || c.name,
        p::text, 0
    FROM pg_catalog.pg_policy p JOIN relations c ON c.oid = p.polrelid WHERE true {p}
    UNION ALL
    SELECT 'pg_statistic_ext', x.oid, 0, x.stxrelid, 'statistics object',
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(x.stxname), x::text, 0
    FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace WHERE true {x}
    UNION ALL
    SELECT 'pg_extension', oid, 0, 0, 'extension', pg_catalog.quote_ident(extname), extversion, 0
    FROM pg_catalog.pg_extension
    UNION ALL
    SELECT 'pg_namespace', s.oid, 0, 0, 'schema', pg_catalog.quote_ident(s.nspname), n::text, 0
    FROM spaces s JOIN pg_catalog.pg_namespace n ON n.oid = s.oid
    UNION ALL
    SELECT classoid::pg_catalog.regclass::text, objoid, objsubid, -1, 'comment', '', description, 0
    FROM pg_catalog.pg_description WHERE objoid::bigint >= 16384
)
SELECT pg_catalog.json_build_object(
    'rows', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(catalog, oid::bigint, sub, parent::bigint, kind,
        name, pg_catalog.hashtextextended(properties, 0)::text, file::bigint)) FROM objects),
    'alive', {alive},
    'dropped_columns', {dropped_columns}
)::text
"""

_CATALOGS = (
    "pg_class",
    "pg_constraint",
    "pg_type",
    "pg_proc",
    "pg_trigger",
    "pg_rewrite",
    "pg_policy",
    "pg_statistic_ext",
    "pg_extension",
    "pg_namespace",
)


def _catalog_query() -> str:
    """Return the query that reads the whole catalog."""
    parts = dict.fromkeys(("column", "relation", "o", "type", "p", "t", "w", "x"), "")
    return _CATALOG.format(**parts, alive="NULL", dropped_columns="NULL")


def _changes_query() -> str:
    """Return the query that reads what the current transaction has changed in the catalog.

    Catalog rows that it wrote have its ID, or a later ID of one of its savepoints.
    """

    def recent(*columns: str) -> str:
        parts = (f"{column}::text::bigint >= (SELECT number FROM now)" for column in columns)  # noqa: S608
        return f"AND ({' OR '.join(parts)})"

    # of the user's objects, only the schema public has an OID below 16384
    alive = ", ".join(
        f"'{catalog}', (SELECT pg_catalog.json_agg(oid::bigint) FROM pg_catalog.{catalog}"  # noqa: S608
        f" WHERE oid::bigint >= 16384 OR oid::bigint = 2200)"
        for catalog in _CATALOGS
    )
    return _CATALOG.format(
        column=recent("a.xmin", "d.xmin"),
        relation=recent("c.version", "i.xmin", "q.xmin", "w.xmin"),
        type="AND (t.xmin::text::bigint >= (SELECT number FROM now) OR EXISTS (SELECT FROM pg_catalog.pg_enum n"
        " WHERE n.enumtypid = t.oid AND n.xmin::text::bigint >= (SELECT number FROM now)))",
        **{alias: recent(f"{alias}.xmin") for alias in ("o", "p", "t", "w", "x")},
        alive=f"pg_catalog.json_build_object({alive})",
        dropped_columns="(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(attrelid::bigint, attnum))"  # noqa: S608
        f" FROM pg_catalog.pg_attribute WHERE attisdropped {recent('xmin')})",
    )


WHOLE_CATALOG = _catalog_query()
CATALOG_CHANGES = _changes_query()


class Catalog:
    """The catalog of a database at some moment.

    Attributes:
        objects: Row of each object as the query returns it, by system catalog, OID and column number.
        comments: Hash of each comment, by the same key.
        names: Name of each relation by OID.
        files: File number of each table, index and materialized view by OID.
        tables: Names of the tables.
        indexes: OIDs of the indexes.
    """

    def __init__(self, objects: dict[tuple[str, int, int], list[Any]], comments: dict[Any, str]) -> None:
        self.objects = objects
        self.comments = comments
        relations = [row for row in objects.values() if row[0] == "pg_class" and row[2] == 0 and row[4] != "type"]
        self.names: dict[int, str] = {row[1]: row[5] for row in relations}
        stored = [row for row in relations if row[4] in {"table", "index", "materialized view"} and row[7]]
        self.files: dict[int, int] = {row[1]: row[7] for row in stored}
        self.tables: set[str] = {row[5] for row in relations if row[4] == "table"}
        self.indexes: set[int] = {row[1] for row in stored if row[4] == "index"}

    @classmethod
    def read(cls, answer: dict[str, Any], known: Catalog | None = None) -> Catalog | None:
        """Return the catalog of a query's result.

        Args:
            answer: The result of one of the two queries.
            known: An earlier catalog, when the result has only the changes since.

        Returns:
            The catalog; None when an object was renamed, because other names may begin with its old name. The whole
            catalog must then be read.
        """
        rows = answer["rows"] or []
        comments = {(row[0], row[1], row[2]): row[6] for row in rows if row[4] == "comment"}
        objects = {(row[0], row[1], row[2]): row for row in rows if row[4] != "comment"}
        if known is not None:
            for key, row in objects.items():
                known_row = known.objects.get(key)
                if known_row is not None and known_row[5] != row[5]:
                    return None
            alive = {catalog: set(oids or ()) for catalog, oids in answer["alive"].items()}
            dropped_columns = {("pg_class", relation, column) for relation, column in answer["dropped_columns"] or ()}
            unchanged = {
                key: row for key, row in known.objects.items() if key[1] in alive[key[0]] and key not in dropped_columns
            }
            objects = {**unchanged, **objects}
        return cls(objects, comments)

    def changes(self, later: Catalog) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the kinds and names of the objects that were created, altered and dropped up to a later catalog."""
        created, dropped, altered = self._differences(later)
        for key in self.comments.keys() | later.comments.keys():
            owner = key if key in self.objects else (key[0], key[1], 0)
            if self.comments.get(key) != later.comments.get(key) and owner in self.objects and owner not in dropped:
                altered.add(owner)
        created_names = _kinds_and_names(later, created)
        dropped_names = _kinds_and_names(self, dropped)
        # objects that were dropped and created under the same name, such as an index after a change of type
        recreated = [name for name in created_names if name in dropped_names]
        return (
            [name for name in created_names if name not in recreated],
            list(dict.fromkeys(_kinds_and_names(self, altered) + recreated)),
            [name for name in dropped_names if name not in recreated],
        )

    def renamed(self, later: Catalog) -> list[tuple[str, str, str]]:
        """Return the kinds, old and new names of the objects that were renamed up to a later catalog.

        A column of a renamed table keeps its own name.
        """
        pairs = ((row, later.objects[key]) for key, row in sorted(self.objects.items()) if key in later.objects)
        return [
            (row[4], row[5], later_row[5])
            for row, later_row in pairs
            if row[5] != later_row[5] and self._own_name(row) != later._own_name(later_row)
        ]

    def _own_name(self, row: list[Any]) -> str:
        """Return the name of a column without that of its table, and any other name as it is."""
        name: str = row[5]
        return name[len(self.objects["pg_class", row[3], 0][5]) :] if _is_column(row) else name

    def touched(self, later: Catalog) -> set[int]:
        """Return the OIDs of the tables that were rewritten, or of which an object differs, up to a later catalog."""
        created, dropped, altered = self._differences(later)
        rows = [*(later.objects[key] for key in created), *(self.objects[key] for key in dropped | altered)]
        return {row[3] or row[1] for row in rows} | set(self.rewritten(later))

    def _differences(self, later: Catalog) -> tuple[set[Any], set[Any], set[Any]]:
        """Return the keys of the objects that were created, dropped and altered up to a later catalog."""
        created = {key for key in later.objects if key not in self.objects}
        dropped = {key for key in self.objects if key not in later.objects}
        altered = {key for key, row in self.objects.items() if key not in dropped and later.objects[key][6] != row[6]}
        return created, dropped, altered

    def table_of(self, index: int) -> int:
        """Return the OID of the table that an index belongs to."""
        return int(self.objects["pg_class", index, 0][3])

    def rewritten(self, later: Catalog) -> list[int]:
        """Return the OIDs of the relations that were rewritten, which means that a later catalog has another file."""
        return [oid for oid, file in self.files.items() if later.files.get(oid, file) != file]

    def built(self, later: Catalog) -> list[int]:
        """Return the OIDs of the indexes that were built up to a later catalog, and did not take over an old file."""
        known_files = set(self.files.values())
        return [oid for oid in later.indexes if oid not in self.files and later.files[oid] not in known_files]


def _is_column(row: list[Any]) -> bool:
    return bool(row[0] == "pg_class" and row[2])


def _kinds_and_names(catalog: Catalog, keys: set[tuple[str, int, int]]) -> list[tuple[str, str]]:
    """Return the kinds and names of objects, tables first, without columns and constraints of those that are listed."""
    objects = []
    for key in sorted(keys, key=lambda key: (catalog.objects[key][4] != "table", key)):
        row = catalog.objects[key]
        is_part = _is_column(row) or row[4] == "table constraint"
        if not (is_part and ("pg_class", row[3], 0) in keys):
            objects.append((row[4], row[5]))
    return objects
