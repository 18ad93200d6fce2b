"""Writes the files of a backup with pg_dump."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from adapter.outbound.migration.target.backup.client import Client
from adapter.outbound.migration.target.backup.programs import Login, run
from adapter.outbound.migration.target.backup.relations import Relation, Selection
from domain.migration.deployment.backup import BackupScope, Progress

FOLDER = "dump"
"""Where the files of pg_dump are in the folder of a backup."""
_MOST_JOBS = 4
_LOCK_TIMEOUT = "30s"  # a table that somebody holds exclusively
_COMPRESSION = "1"  # half of the size costs a third of the time of the default level
_NEXT = re.compile(r'dumping contents of table "?(.*?)"?$')
_LONGEST_PATTERN = 100_000  # bytes; Linux takes 131,072 for one argument


def jobs() -> int:
    """Return how many tables are copied at the same time."""
    return min(_MOST_JOBS, os.cpu_count() or 1)


def dump(
    client: Client,
    login: Login,
    folder: Path,
    exported: str,
    scope: BackupScope,
    selection: Selection,
    progress: Progress,
) -> None:
    """Write a backup's files into a folder.

    Args:
        client: The programs of the server's version.
        login: How they reach the database.
        folder: The folder.
        exported: The snapshot that a session has exported, and keeps until the end.
        scope: What is copied.
        selection: The tables whose rows are copied.
        progress: Called for each table.

    Raises:
        DatabaseError: pg_dump failed.
    """
    tables, done = len(selection.tables), 0

    def heard(line: str) -> None:
        nonlocal done
        if table := _NEXT.search(line):
            progress(min(done, tables), tables, table[1])
            done += 1

    options = [
        "--format=directory",
        f"--file={folder / FOLDER}",
        f"--jobs={jobs()}",
        f"--compress={_COMPRESSION}",
        f"--snapshot={exported}",
        f"--lock-wait-timeout={_LOCK_TIMEOUT}",
        "--no-password",
        "--verbose",
    ]
    if scope is BackupScope.SCHEMA:
        options.append("--schema-only")
    if not selection.large_objects:
        options.append("--no-blobs")
    options += (f"--exclude-table-data={pattern}" for pattern in patterns(selection.others))
    run([client.program("pg_dump"), *options, login.option], login.environment, folder, heard)
    progress(tables, tables, "")


def patterns(relations: Iterable[Relation]) -> Iterator[str]:
    """Return patterns of psql that match these relations and no other; a few long ones, as each costs a query."""
    schemas: dict[str, list[str]] = {}
    for relation in relations:
        schema, name = relation.parts
        schemas.setdefault(_quoted(schema), []).append(_quoted(name))
    for schema, names in schemas.items():
        pattern = ""
        for name in names:
            if len(os.fsencode(pattern)) > _LONGEST_PATTERN:
                yield f"{schema}.{pattern}"
                pattern = ""
            pattern += f"|{name}" if pattern else name
        yield f"{schema}.{pattern}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
