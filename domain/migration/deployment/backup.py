"""Backups that are taken before a deployment: what they contain, and the manifest beside their files."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Self

from domain.migration.deployment.plan import TargetIdentity
from domain.migration.errors import MigrationError

SCHEMA = "hexalembic.backup/1"
Progress = Callable[[int, int, str], object]
"""Function that is called with the number of finished tables, the number of all tables, and what is done next."""


class BackupError(MigrationError):
    """A backup that was not taken, cannot be read, or does not restore."""


class BrokenBackupError(BackupError):
    """A backup whose files or manifest are not as they were written, or that does not restore to what it was."""

    exit_code = 1


class BackupUsageError(BackupError):
    """A backup that cannot be taken or restored as requested."""

    exit_code = 2


class BackupScope(Enum):
    """What a backup contains."""

    NONE = "none"
    SCHEMA = "schema"
    TOUCHED = "touched"
    FULL = "full"
    COMMAND = "command"


@dataclass(frozen=True)
class LeftOutKey:
    """A foreign key that is not restored, because the table that it refers to has no rows in the backup.

    Attributes:
        oid: Its number in the database that was copied, by which the files name it.
        table: Qualified name of the table that has it.
        name: Its name, quoted as SQL needs it.
        definition: Its definition, as it stands after ADD CONSTRAINT.
    """

    oid: int
    table: str
    name: str
    definition: str


@dataclass(frozen=True)
class Locale:
    """How a database compares text, and encodes it.

    Attributes:
        encoding: Its encoding, such as `UTF8`.
        collate: Its LC_COLLATE.
        ctype: Its LC_CTYPE.
        provider: Who compares: `libc`, `icu` or `builtin`.
        locale: The locale of `icu` or `builtin`; empty for libc.
    """

    encoding: str = "UTF8"
    collate: str = "C"
    ctype: str = "C"
    provider: str = "libc"
    locale: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a backup is of, and what its files are.

    Attributes:
        scope: What it contains.
        target: The database.
        revisions: Revisions that it is at.
        taken_at: When its snapshot was taken.
        tool: Program that wrote the files, with its version, such as `pg_dump (PostgreSQL) 18.6`.
        tables: Number of rows of each table whose rows are in it, by qualified name.
        files: SHA-256 of each file, in hexadecimal, by its path below the backup's folder.
        locale: How the database compares text.
        left_out: Foreign keys that are not restored.
        whole: Why it contains the rows of all tables, although fewer were asked for; empty otherwise.
        output: What the user's command printed, without secrets; empty for other scopes.
        verified: What was compared after it was restored on trial; empty if that was not done.
    """

    scope: BackupScope
    target: TargetIdentity
    revisions: tuple[str, ...]
    taken_at: datetime
    tool: str
    tables: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    locale: Locale = field(default_factory=Locale)
    left_out: tuple[LeftOutKey, ...] = ()
    whole: str = ""
    output: str = ""
    verified: str = ""

    def __post_init__(self) -> None:
        """Copy the mappings, so that nobody can change them afterwards."""
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))

    @property
    def major(self) -> int:
        """Major version of the server."""
        return int(self.target.postgres.partition(".")[0])

    @property
    def name(self) -> str:
        """Name of the backup: database, moment and scope; the caller escapes it for a file system."""
        return f"{self.target.database}-{self.taken_at:%Y%m%dT%H%M%SZ}-{self.scope.value}"

    def with_files(self, files: Mapping[str, str], verified: str = "") -> "Manifest":
        """Return the manifest with the checksums of the files, and what was compared."""
        return replace(self, files=files, verified=verified)

    def is_of_same_database(self, other: "Manifest") -> bool:
        """Return whether another backup is of the same database of the same cluster.

        Where the cluster is not known, the address must be the same, too.
        """
        same_place = self.target.system_identifier is not None or self.target.address == other.target.address
        return self.target == other.target and same_place

    def to_json(self) -> str:
        """Return the manifest as JSON, schema `hexalembic.backup/1`."""
        data = {
            "schema": SCHEMA,
            "scope": self.scope.value,
            "target": vars(self.target),
            "revisions": list(self.revisions),
            "taken_at": self.taken_at.isoformat(),
            "tool": self.tool,
            "tables": dict(self.tables),
            "files": dict(self.files),
            "locale": vars(self.locale),
            "left_out": [vars(key) for key in self.left_out],
            "whole": self.whole,
            "output": self.output,
            "verified": self.verified,
        }
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the manifest that `to_json` wrote.

        Raises:
            BrokenBackupError: The text is something else.
        """
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise BrokenBackupError(
                    f"the manifest has the schema {data['schema']!r}, not {SCHEMA!r}",
                    "restore it with the version of hexalembic that wrote it",
                )
            return cls(**_fields(data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BrokenBackupError(
                f"the manifest is not one of a backup ({type(error).__name__})", "name another backup"
            ) from error


@dataclass(frozen=True)
class Backup:
    """A complete backup.

    Attributes:
        path: Its folder.
        manifest: What it contains.
        removed: Folders of older backups of the same database that were removed for it.
    """

    path: str
    manifest: Manifest
    removed: tuple[str, ...] = ()


def surplus(backups: Collection[Backup], newest: Backup, keep: int) -> tuple[Backup, ...]:
    """Return the backups that are beyond those to keep: the oldest ones of the same database.

    Args:
        backups: All complete backups of a folder.
        newest: The one that has just been taken; it is always kept.
        keep: Number of backups to keep, with the newest.
    """
    older = [
        backup
        for backup in backups
        if backup.path != newest.path and backup.manifest.is_of_same_database(newest.manifest)
    ]
    older.sort(key=lambda backup: (backup.manifest.taken_at, backup.path), reverse=True)
    return tuple(older[max(0, keep - 1) :])


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    tables, files = data["tables"], data["files"]
    if not all(isinstance(count, int) for count in tables.values()):
        raise TypeError
    if not all(isinstance(checksum, str) for checksum in files.values()):
        raise TypeError
    return {
        "scope": BackupScope(data["scope"]),
        "target": TargetIdentity(**data["target"]),
        "revisions": tuple(data["revisions"]),
        "taken_at": datetime.fromisoformat(data["taken_at"]),
        "tool": str(data["tool"]),
        "tables": tables,
        "files": files,
        "locale": Locale(**data["locale"]),
        "left_out": tuple(LeftOutKey(**key) for key in data["left_out"]),
        "whole": str(data["whole"]),
        "output": str(data["output"]),
        "verified": str(data["verified"]),
    }
