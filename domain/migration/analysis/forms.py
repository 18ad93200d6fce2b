"""The safe forms of schema changes that rules suggest as fixes.

An upgrade is recorded only after its last statement, but an autocommit block commits earlier. If the upgrade is killed
in between, its next run meets its own work. So each step that commits on its own is re-runnable.
"""

import re
from collections.abc import Iterator, Sequence

from domain.migration.analysis.judging import added
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, in_autocommit, lines, quoted
from domain.migration.repair.definitions import sequence_options
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of
from domain.migration.trace import RevisionTrace

_LONGEST_NAME = 63  # bytes, NAMEDATALEN - 1
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_BUILD = re.compile(
    rf"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?"
    rf"(?P<table>{_NAME}(?:\.{_NAME})?)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_REINDEX = re.compile(rf"\s*REINDEX\s+INDEX\s+CONCURRENTLY\s+(?P<name>{_NAME}(?:\.{_NAME})?)", re.IGNORECASE)
_ADD_COLUMN = re.compile(
    rf"^(\s*ALTER\s+TABLE\s+(?:ONLY\s+)?{_NAME}(?:\.{_NAME})?\s+ADD\s+COLUMN\s+)(?!IF\s)", re.IGNORECASE
)
_IF_NOT_EXISTS = re.compile(r"(INDEX\s+CONCURRENTLY\s+)IF\s+NOT\s+EXISTS\s+", re.IGNORECASE)


def concurrent_steps(sql: str) -> tuple[str, ...]:
    """Return the operation of a concurrent build, preceded by those that drop the leftovers of an interrupted one."""
    build = _BUILD.match(sql)
    if build:
        # An index is always in the schema of its table.
        schema = split(build["table"])[0]
        name = f"{schema}.{build['name']}" if schema else build["name"]
        return drop_index(name), execute(_IF_NOT_EXISTS.sub(r"\1", sql, count=1))
    reindex = _REINDEX.match(sql)
    drops = (drop_index(with_suffix(reindex["name"], suffix)) for suffix in ("_ccnew", "_ccold")) if reindex else ()
    return *drops, execute(sql)


def rerun_steps(sql: str) -> tuple[str, ...]:
    """Return re-runnable operations for a statement that commits on its own."""
    steps = concurrent_steps(sql)
    return steps if len(steps) > 1 else (execute(_ADD_COLUMN.sub(r"\1IF NOT EXISTS ", sql, count=1)),)


def drop_index(name: str) -> str:
    """Return an operation that drops an index concurrently, if it exists."""
    return execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def concurrent_sql(definition: str) -> str:
    """Return the concurrent form of a CREATE INDEX."""
    return definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)


def build_index(definition: str) -> str:
    """Return an autocommit block that builds an index concurrently."""
    return in_autocommit(*concurrent_steps(concurrent_sql(definition)))


def built_index(snapshot: SchemaSnapshot | None, index: str, definition: str | None = None) -> str:
    """Return operations that build a new index concurrently.

    For a partitioned table, they build the index of each partition concurrently, and attach these to the index of the
    table last.

    Args:
        snapshot: Schema that has the index.
        index: Qualified name of the index.
        definition: CREATE INDEX statement; None for that of the schema.
    """
    definition = str(attributes(snapshot, "index", index)["definition"]) if definition is None else definition
    parts = _parts(snapshot, index)
    if not _is_partitioned(snapshot, index):
        return build_index(definition)
    leaves = [part for part in parts if not _is_partitioned(snapshot, part)]
    steps = [step for leaf in leaves for step in concurrent_steps(concurrent_sql(_definition(snapshot, leaf)))]
    parents = [index, *(part for part in parts if part not in leaves)]
    return lines(
        *([in_autocommit(*steps)] if steps else []),
        *(execute(_definition(snapshot, name)) for name in parents),
        *(
            execute(f"ALTER INDEX {attributes(snapshot, 'index', part)['parent']} ATTACH PARTITION {part}")
            for part in reversed(parts)
        ),
    )


def dropped_index(snapshot: SchemaSnapshot | None, index: str) -> str:
    """Return an operation that drops an index, concurrently unless its table is partitioned."""
    entry = attributes(snapshot, "index", index)
    own, table = quoted(bare(index)), quoted(bare(str(entry.get("table", ""))))
    if _is_partitioned(snapshot, index):
        return f"op.drop_index({own}, table_name={table}{schema_argument(index)})"
    call = f"op.drop_index({own}, {table}{schema_argument(index)}, if_exists=True, postgresql_concurrently=True)"
    return in_autocommit(call)


def with_index(
    snapshot: SchemaSnapshot, table: str, columns: Sequence[str], parent: str | None = None
) -> SchemaSnapshot:
    """Return a schema with one index more, `ix_TABLE_COLUMNS`, and with those of the table's partitions.

    Args:
        snapshot: The schema.
        table: Qualified name of the table.
        columns: Its columns, quoted where SQL needs that.
        parent: The index that it is attached to, if the table is a partition.
    """
    name = planned_name(table, columns)
    is_partitioned = attributes(snapshot, "table", table).get("kind") == "partitioned table"
    definition = (
        f"CREATE INDEX {split(name)[1]} ON {'ONLY ' * is_partitioned}{table} USING btree ({', '.join(columns)})"
    )
    entry = {"table": table, "definition": definition, "parent": parent}
    snapshot = SchemaSnapshot({**snapshot.objects, ("index", name): entry})
    for partition in sorted(names_of(snapshot, "table")) if is_partitioned else ():
        if table in (attributes(snapshot, "table", partition).get("parents") or ()):  # type: ignore[operator]
            snapshot = with_index(snapshot, partition, columns, name)
    return snapshot


def planned_name(table: str, columns: Sequence[str]) -> str:
    """Return the qualified name of the index that `with_index` adds to a table."""
    name = f"ix_{bare(table)}_{'_'.join(map(bare, columns))}"
    own = name.encode()[:_LONGEST_NAME].decode(errors="ignore").replace('"', '""')
    return f"{split(table)[0]}." + (own if _PLAIN.fullmatch(own) else f'"{own}"')


def root_index(snapshot: SchemaSnapshot | None, index: str) -> str:
    """Return the topmost index that an index of a partition is attached to, or the index itself."""
    parent = attributes(snapshot, "index", index).get("parent")
    return index if parent is None else root_index(snapshot, str(parent))


def validated_constraint(table: str, constraint: str, definition: str) -> str:
    """Return operations that add a constraint NOT VALID, commit, and validate it without blocking reads or writes."""
    addition = f"ADD CONSTRAINT {constraint} {definition.removesuffix(' NOT VALID')}"
    return lines(
        execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}, {addition} NOT VALID"),
        "# The block commits first, so that nothing is locked while the rows are read.",
        in_autocommit(execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")),
    )


def not_null(table: str, column: str) -> str:
    """Return operations for SET NOT NULL without a scan, which a validated CHECK constraint makes unnecessary."""
    words = re.sub(r"\W+", "_", f"ck_{bare(table)}_{bare(column)}").lower()
    check = f"{words.encode()[: _LONGEST_NAME - len('_not_null')].decode(errors='ignore')}_not_null"
    return lines(
        validated_constraint(table, check, f"CHECK ({column} IS NOT NULL)"),
        execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {check}"),
    )


def added_column(trace: RevisionTrace, column: str, new: str | None = None) -> str:
    """Return an operation that adds a column nullable and without a default.

    Args:
        trace: Trace with the schema after the upgrade.
        column: Column of that schema with the type.
        new: Another name for the column; None for its own.
    """
    table, own = split(column)
    definition = attributes(trace.after, "column", column)
    collation = f" COLLATE {definition['collation']}" if definition.get("collation") else ""
    return execute(f"ALTER TABLE {table} ADD COLUMN {new or own} {definition['type']}{collation}")


def added_empty(trace: RevisionTrace, column: str, *, if_missing: bool = False) -> str:
    """Return operations that add a column that stays NULL in existing rows, and then its default with its sequence."""
    table, own = split(column)
    default = attributes(trace.after, "column", column).get("default")
    step = added_column(trace, column)
    if if_missing:
        step = step.replace(" ADD COLUMN ", " ADD COLUMN IF NOT EXISTS ", 1)
    steps = [step, *(execute(creation) for creation in _sequences(trace, column).values())]
    if default:
        steps.append(execute(f"ALTER TABLE {table} ALTER COLUMN {own} SET DEFAULT {default}"))
    return lines(*steps)


def dropped_with_sequence(trace: RevisionTrace, column: str) -> Iterator[str]:
    """Return operations that drop a column and its new sequence, if the column does not own the sequence."""
    yield dropped_column(*split(column))
    for sequence in _sequences(trace, column):
        if attributes(trace.after, "sequence", sequence).get("owned_by") is None:
            yield execute(f"DROP SEQUENCE IF EXISTS {sequence}")


def _sequences(trace: RevisionTrace, column: str) -> dict[str, str]:
    """Return a CREATE SEQUENCE for each new sequence of a column, by name; a serial type creates one."""
    default = str(attributes(trace.after, "column", column).get("default"))
    statements: dict[str, str] = {}
    for name in added(trace, "sequence"):
        sequence = attributes(trace.after, "sequence", name)
        if sequence.get("owned_by") == column or name in default:
            owner = f" OWNED BY {sequence['owned_by']}" if sequence.get("owned_by") else ""
            statements[name] = (
                f"CREATE SEQUENCE IF NOT EXISTS {name} AS {sequence['type']} {sequence_options(sequence)}".rstrip()
                + owner
            )
    return statements


def dropped_column(table: str, column: str) -> str:
    """Return an operation that drops a column."""
    return f"op.drop_column({quoted(bare(table))}, {quoted(bare(column))}{schema_argument(table)})"


def _parts(snapshot: SchemaSnapshot | None, index: str) -> list[str]:
    """Return the indexes of partitions that are attached to an index, parents before their parts."""
    parts: list[str] = []
    for name in sorted(names_of(snapshot, "index")):
        if attributes(snapshot, "index", name).get("parent") == index:
            parts += [name, *_parts(snapshot, name)]
    return parts


def _is_partitioned(snapshot: SchemaSnapshot | None, index: str) -> bool:
    table = str(attributes(snapshot, "index", index).get("table"))
    return attributes(snapshot, "table", table).get("kind") == "partitioned table"


def _definition(snapshot: SchemaSnapshot | None, index: str) -> str:
    return str(attributes(snapshot, "index", index)["definition"])


def with_suffix(name: str, suffix: str) -> str:
    """Return a name with a suffix, cut to the longest name of Postgres, as REINDEX names its temporary indexes."""
    schema, own = split(name)
    text = bare(own) if own.startswith('"') else own.lower()
    cut = text.encode()[: _LONGEST_NAME - len(suffix)].decode(errors="ignore").replace('"', '""')
    return f"{schema}." * bool(schema) + f'"{cut}{suffix}"'
