"""What a restored backup has otherwise than the database that it was taken of, and how it takes the place of that."""

import shlex
from collections.abc import Iterator, Sequence

from domain.migration.deployment.backup import BackupScope, BrokenBackupError, Manifest
from domain.migration.digest import DataDigest
from domain.migration.digest import compare as compare_rows
from domain.migration.drift import BESIDE_SCHEMAS
from domain.migration.snapshot import ObjectKey, SchemaSnapshot, attributes
from domain.migration.snapshot import compare as compare_schemas

# What belongs to the server or to the database as a whole, which pg_dump leaves to pg_dumpall and to the administrator.
NOT_IN_A_BACKUP = BESIDE_SCHEMAS | {"database setting", "extension", "security label"}
_NOT_COMPARED = frozenset({"tablespace"})
_SHOWN = 5
LONGEST_NAME = 63
"""Most bytes of a name, beyond which Postgres cuts it (manual, Identifiers and Key Words)."""


def differences(
    schema: SchemaSnapshot | None,
    restored: SchemaSnapshot | None,
    rows: DataDigest | None,
    restored_rows: DataDigest | None,
    manifest: Manifest,
) -> list[str]:
    """Return a sentence for each difference between a database and its restored backup.

    Args:
        schema: Schema of the database.
        restored: Schema of the restored backup.
        rows: Digest of the rows of the database that are in the backup.
        restored_rows: Digest of the same tables of the restored backup.
        manifest: What the backup contains.
    """
    found: list[str] = []
    if schema is not None and restored is not None:
        found += _schema_differences(schema, restored, manifest)
    if rows is not None and restored_rows is not None:
        found += _row_differences(rows, restored_rows)
    return found


def require_same(sentences: Sequence[str], place: str) -> None:
    """Refuse a backup that did not restore to what it was taken of.

    Raises:
        BrokenBackupError: There are differences.
    """
    if sentences:
        more = f", and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
        raise BrokenBackupError(
            f"the backup does not restore: {'; '.join(sentences[:_SHOWN])}{more} (restored on {place}); it was removed",
            "mend what the sentence names, then take the backup again; nothing else was changed",
        )


def in_words(manifest: Manifest, place: str) -> str:
    """Return what was compared with a restored backup."""
    if manifest.scope is BackupScope.SCHEMA:
        return f"restored on {place}: same schema"
    rows = sum(manifest.tables.values())
    return f"restored on {place}: same schema, same values in {rows:,} rows of {len(manifest.tables):,} tables"


def new_name(manifest: Manifest) -> str:
    """Return the name of a database into which a backup is restored, short enough for Postgres."""
    end = f"_restored_{manifest.taken_at:%Y%m%d_%H%M%S}"
    beginning = manifest.target.database.encode()[: LONGEST_NAME - len(end)].decode(errors="ignore")
    return beginning + end


def switch_over(manifest: Manifest, database: str) -> tuple[str, ...]:
    """Return what a person does with a restored database, a sentence for each step.

    Args:
        manifest: What the backup contains.
        database: Name of the restored database.
    """
    live = manifest.target.database
    steps = []
    if manifest.scope is BackupScope.TOUCHED and not manifest.whole:
        tables = ", ".join(sorted(manifest.tables)) or "no table"
        steps.append(f"{database} has the rows of {tables}; all other tables are empty")
        steps += (
            f"not restored, as it refers to an empty table: {key.table} {key.name} {key.definition}"
            for key in manifest.left_out
        )
        steps.append(f"stop what writes to {live}, and copy the rows that you need back, table by table")
        options = " ".join(f"--table={shlex.quote(table)}" for table in sorted(manifest.tables)) or "--table=TABLE"
        steps.append(
            f"pg_dump --data-only {options} {shlex.quote(database)} > rows.sql, and look at it before psql -1 -f"
        )
        return tuple(steps)
    revisions = ", ".join(manifest.revisions) or "base"
    steps.append(f"check {database}: migrate status --url …/{database} names revision {revisions}")
    if manifest.scope is BackupScope.SCHEMA:
        return (*steps, f"{database} has no rows: it only shows what the schema was")
    return (
        *steps,
        f"writes to {live} since {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC are not in it: stop the application",
        f"give {database} the settings and privileges of {live} (ALTER DATABASE … SET, GRANT ON DATABASE)",
        f"ALTER DATABASE {_quoted(live)} RENAME TO {_quoted(live + '_old')};",
        f"ALTER DATABASE {_quoted(database)} RENAME TO {_quoted(live)};",
        f"start the application on the code of revision {revisions}, and drop {live}_old when nobody needs it",
    )


def _schema_differences(schema: SchemaSnapshot, restored: SchemaSnapshot, manifest: Manifest) -> Iterator[str]:
    # A materialized view is made again of tables, which are empty here.
    has_rows = manifest.scope is BackupScope.FULL or bool(manifest.whole)
    ignored = _NOT_COMPARED if has_rows else _NOT_COMPARED | {"populated"}
    difference = compare_schemas(_comparable(schema, manifest), _comparable(restored, manifest), ignore=ignored)
    yield from difference.sentences()


def _comparable(schema: SchemaSnapshot, manifest: Manifest) -> SchemaSnapshot:
    left_out = {f"{key.table}.{key.name}" for key in manifest.left_out}
    return SchemaSnapshot({
        key: values for key, values in schema.objects.items() if not _is_left_out(schema, key, left_out)
    })  # fmt: skip


def _is_left_out(schema: SchemaSnapshot, key: ObjectKey, left_out: set[str]) -> bool:
    kind, name = key
    values = attributes(schema, kind, name)
    if kind in NOT_IN_A_BACKUP:
        return True
    if kind == "constraint" and left_out:
        return name in left_out or (values.get("type") == "foreign key" and values.get("inherited") is True)
    return kind == "index" and values.get("valid") is False  # pg_dump leaves it out


def _row_differences(rows: DataDigest, restored: DataDigest) -> Iterator[str]:
    # Sequences go on while a backup is taken. What counts is that none is behind its column.
    difference = compare_rows(DataDigest(rows.tables), DataDigest(restored.tables))
    if difference:
        yield from difference.sentences()
    yield from (f"{name} is behind its column" for name in sorted(restored.behind - rows.behind))
    yield from (f"{name} was not read: {why}" for name, why in sorted((*rows.unread.items(), *restored.unread.items())))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
