"""The status of a database, compared with the code that is checked out."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PendingRevision:
    """A revision that is not applied to the database yet.

    Attributes:
        revision: Id of the revision.
        message: First line of its docstring.
    """

    revision: str
    message: str


@dataclass(frozen=True)
class TargetState:
    """What a database says of itself, whatever the code has.

    Attributes:
        database: Where it is, as it may be printed.
        postgres: Version of the server, such as `18.6`.
        current: Revisions that it is at; empty before the first upgrade.
        extension: Installed version of pgvector, or None.
        extension_available: Version that the server would install, or None where pgvector is not on the server.
        invalid_indexes: Indexes that an interrupted concurrent build left behind.
        unread: What this role could not read, a sentence each.
    """

    database: str
    postgres: str
    current: tuple[str, ...]
    extension: str | None
    extension_available: str | None
    invalid_indexes: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def major(self) -> int:
        """The major version of the server."""
        return int(self.postgres.partition(".")[0])


@dataclass(frozen=True)
class Drift:
    """What differs between a project and a database that is at its heads.

    Attributes:
        differences: What differs, a sentence each; None where it is not known.
        reason: Why it is not known; empty where it is.
        unread: What could not be read of it, a sentence each.
        has_models: Whether the project has models; without, the database is beside its revisions only.
    """

    differences: tuple[str, ...] | None
    reason: str = ""
    unread: tuple[str, ...] = ()
    has_models: bool = True


@dataclass(frozen=True)
class DatabaseStatus:
    """The status of a database, before or after an upgrade.

    Attributes:
        database: URL of the database, without its password.
        postgres: Version of the server, such as `18.6`.
        current: Revisions that the database is at; empty before the first upgrade.
        heads: Revisions that the code ends at; more than one means that branches wait for a merge.
        unknown: Revisions of the database that the code does not have: the database is ahead.
        pending: What `alembic upgrade head` would run, in its order.
        extension: Installed version of pgvector, or None.
        extension_needed: Whether a model has a column of one of its types.
        extension_available: Version that the server would install, or None where pgvector is not on the server.
        invalid_indexes: Indexes that an interrupted concurrent build left behind, and no query uses.
        drift: What differs between models and database, a sentence each; None while the database is not at head,
            when the two cannot be compared.
        drift_unknown: Why the drift is not known, where it is not because the database is behind; else empty.
        unread: What could not be read, a sentence each.
        has_models: Whether there are models in that comparison; without, the database is beside the revisions only.
    """

    database: str
    postgres: str
    current: tuple[str, ...]
    heads: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    pending: tuple[PendingRevision, ...] = ()
    extension: str | None = None
    extension_needed: bool = True
    extension_available: str | None = None
    invalid_indexes: tuple[str, ...] = ()
    drift: tuple[str, ...] | None = field(default=None)
    drift_unknown: str = ""
    unread: tuple[str, ...] = ()
    has_models: bool = True

    @property
    def problems(self) -> tuple[str, ...]:
        """Problems of the database, each with the command that solves it."""
        problems = []
        if self.unknown:
            problems.append(
                f"the database is ahead of the code ({', '.join(self.unknown)}): deploy the code that has it"
            )
        if len(self.heads) > 1:
            problems.append(f'{len(self.heads)} heads: alembic merge -m "merge" heads')
        if self.pending:
            head = "heads" if len(self.heads) > 1 else "head"
            problems.append(f"{len(self.pending)} pending: alembic upgrade {head}")
        if self.invalid_indexes:
            problems.append(f"invalid: REINDEX INDEX CONCURRENTLY {self.invalid_indexes[0]}")
        if self.drift:
            problems.append(
                "models and database differ: alembic revision --autogenerate"
                if self.has_models
                else 'revisions and database differ: alembic revision -m "..."'
            )
        if self.extension is None and self.extension_needed and not self.pending and not self.unread:
            problems.append("pgvector is missing: CREATE EXTENSION vector")
        problems += [f"not read: {subject}" for subject in self.unread]
        return tuple(problems)
