"""The safe forms that rules propose: each can be killed anywhere and run again, as what a block commits stays.

An upgrade is recorded only when it has ended. So whatever is committed before looks first whether an earlier attempt
has left it.
"""

import re
from collections.abc import Iterator

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
_REINDEX = re.compile(rf"\s*REINDEX\s+INDEX\s+CONCURRENTLY\s+(?P<name>{_NAME}(?:\.{_NAME})?)", re.IGNORECASE)
_ADD_COLUMN = re.compile(
    rf"^(\s*ALTER\s+TABLE\s+(?:ONLY\s+)?{_NAME}(?:\.{_NAME})?\s+ADD\s+COLUMN\s+)(?!IF\s)", re.IGNORECASE
)
_IF_NOT_EXISTS = re.compile(r"(INDEX\s+CONCURRENTLY\s+)IF\s+NOT\s+EXISTS\s+", re.IGNORECASE)


def concurrent_steps(sql: str) -> tuple[str, ...]:
    """Return the statement of a concurrent build, and before it those that clear what an interrupted one has left."""
    build = _BUILD.match(sql)
    if build:
        # an index is always in the schema of its table
        schema = split(build["table"])[0]
        name = f"{schema}.{build['name']}" if schema else build["name"]
        return drop_index(name), execute(_IF_NOT_EXISTS.sub(r"\1", sql, count=1))
    reindex = _REINDEX.match(sql)
    left = (drop_index(with_suffix(reindex["name"], end)) for end in ("_ccnew", "_ccold")) if reindex else ()
    return *left, execute(sql)


def rerun_steps(sql: str) -> tuple[str, ...]:
    """Return a statement that commits by itself in a form that can run again when an earlier attempt has done it."""
    steps = concurrent_steps(sql)
    return steps if len(steps) > 1 else (execute(_ADD_COLUMN.sub(r"\1IF NOT EXISTS ", sql, count=1)),)


def drop_index(name: str) -> str:
    """Drop an index, when it is there, while others work."""
    return execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def concurrent_sql(definition: str) -> str:
    """Turn the definition of an index into a build that lets others work."""
    return definition.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)


def build_index(definition: str) -> str:
    """Build an index concurrently, in a block of Alembic's."""
    return in_autocommit(*concurrent_steps(concurrent_sql(definition)))


def built_index(snapshot: SchemaSnapshot | None, index: str, definition: str | None = None) -> str:
    """Write the build of a new index; that of a partitioned table goes partition by partition, and joins them last."""
    definition = str(attributes(snapshot, "index", index)["definition"]) if definition is None else definition
    parts = _parts(snapshot, index)
    if not _is_partitioned(snapshot, index):
        return build_index(definition)
    leaves = [part for part in parts if not _is_partitioned(snapshot, part)]
    steps = [step for leaf in leaves for step in concurrent_steps(concurrent_sql(_definition(snapshot, leaf)))]
    whole = [index, *(part for part in parts if part not in leaves)]
    return lines(
        *([in_autocommit(*steps)] if steps else []),
        *(execute(_definition(snapshot, one)) for one in whole),
        *(
            execute(f"ALTER INDEX {attributes(snapshot, 'index', part)['parent']} ATTACH PARTITION {part}")
            for part in reversed(parts)
        ),
    )


def dropped_index(snapshot: SchemaSnapshot | None, index: str) -> str:
    """Write the drop of an index that lets others work, where Postgres has one."""
    held = attributes(snapshot, "index", index)
    own, table = quoted(bare(index)), quoted(bare(str(held.get("table", ""))))
    if _is_partitioned(snapshot, index):
        return f"op.drop_index({own}, table_name={table}{schema_argument(index)})"
    call = f"op.drop_index({own}, {table}{schema_argument(index)}, if_exists=True, postgresql_concurrently=True)"
    return in_autocommit(call)


def root_index(snapshot: SchemaSnapshot | None, index: str) -> str:
    """Name the index of the partitioned table that an index is a part of, or itself."""
    parent = attributes(snapshot, "index", index).get("parent")
    return index if parent is None else root_index(snapshot, str(parent))


def validated_constraint(table: str, constraint: str, definition: str) -> str:
    """Add a constraint without looking at the rows, commit, and look at them while others work."""
    added = f"ADD CONSTRAINT {constraint} {definition.removesuffix(' NOT VALID')}"
    return lines(
        execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {constraint}, {added} NOT VALID"),
        "# The block commits first, so that nothing is locked while the rows are read.",
        in_autocommit(execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")),
    )


def not_null(table: str, column: str) -> str:
    """Prove by a CHECK constraint that a column has no NULL, then say so; SET NOT NULL reads nothing any more."""
    words = re.sub(r"\W+", "_", f"ck_{bare(table)}_{bare(column)}").lower()
    check = f"{words.encode()[: _LONGEST_NAME - len('_not_null')].decode(errors='ignore')}_not_null"
    return lines(
        validated_constraint(table, check, f"CHECK ({column} IS NOT NULL)"),
        execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {check}"),
    )


def added_column(trace: RevisionTrace, column: str, new: str | None = None) -> str:
    """Add a column of a type without a default, under a name of its own."""
    table, own = split(column)
    held = attributes(trace.after, "column", column)
    collation = f" COLLATE {held['collation']}" if held.get("collation") else ""
    return execute(f"ALTER TABLE {table} ADD COLUMN {new or own} {held['type']}{collation}")


def added_empty(trace: RevisionTrace, column: str, *, if_missing: bool = False) -> str:
    """Add a column that stays empty in the rows there are, and then its default, with the sequence of that."""
    table, own = split(column)
    default = attributes(trace.after, "column", column).get("default")
    step = added_column(trace, column)
    if if_missing:
        step = step.replace(" ADD COLUMN ", " ADD COLUMN IF NOT EXISTS ", 1)
    steps = [step, *(execute(made) for made in _sequences(trace, column).values())]
    if default:
        steps.append(execute(f"ALTER TABLE {table} ALTER COLUMN {own} SET DEFAULT {default}"))
    return lines(*steps)


def dropped_with_sequence(trace: RevisionTrace, column: str) -> Iterator[str]:
    """Drop a column, and the sequence that came for it where it does not own that."""
    yield dropped_column(*split(column))
    for sequence in _sequences(trace, column):
        if attributes(trace.after, "sequence", sequence).get("owned_by") is None:
            yield execute(f"DROP SEQUENCE IF EXISTS {sequence}")


def _sequences(trace: RevisionTrace, column: str) -> dict[str, str]:
    """Make the new sequences that the default of a column names: a serial type brings its own."""
    default = str(attributes(trace.after, "column", column).get("default"))
    made: dict[str, str] = {}
    for name in added(trace, "sequence"):
        held = attributes(trace.after, "sequence", name)
        if held.get("owned_by") == column or name in default:
            owner = f" OWNED BY {held['owned_by']}" if held.get("owned_by") else ""
            made[name] = (
                f"CREATE SEQUENCE IF NOT EXISTS {name} AS {held['type']} {sequence_options(held)}".rstrip() + owner
            )
    return made


def dropped_column(table: str, column: str) -> str:
    """Drop a column."""
    return f"op.drop_column({quoted(bare(table))}, {quoted(bare(column))}{schema_argument(table)})"


def _parts(snapshot: SchemaSnapshot | None, index: str) -> list[str]:
    """Name the indexes of partitions that are parts of one, those above before those below."""
    found: list[str] = []
    for name in sorted(names_of(snapshot, "index")):
        if attributes(snapshot, "index", name).get("parent") == index:
            found += [name, *_parts(snapshot, name)]
    return found


def _is_partitioned(snapshot: SchemaSnapshot | None, index: str) -> bool:
    table = str(attributes(snapshot, "index", index).get("table"))
    return attributes(snapshot, "table", table).get("kind") == "partitioned table"


def _definition(snapshot: SchemaSnapshot | None, index: str) -> str:
    return str(attributes(snapshot, "index", index)["definition"])


def with_suffix(name: str, suffix: str) -> str:
    """Put a suffix to a name, which is cut so that it fits, as REINDEX does for what it makes beside an index."""
    schema, own = split(name)
    text = bare(own) if own.startswith('"') else own.lower()
    cut = text.encode()[: _LONGEST_NAME - len(suffix)].decode(errors="ignore").replace('"', '""')
    return f"{schema}." * bool(schema) + f'"{cut}{suffix}"'
