"""The journal in the database itself: the schema `hexalembic`, on a connection of its own.

What a failed revision rolls back does not take its record with it.
"""

import gzip
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, LiteralString

import psycopg

from adapter.outbound.postgres.explain import server_message
from adapter.outbound.postgres.redaction import redact
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.errors import JournalError

SCHEMA = "hexalembic"
_VERSION = 1  # of the tables; a later one adds its statements to _STEPS
_LOCK = 0x6865_7861_6A72_6E6C  # of those who make or change the tables
_TIMEOUTS = "SELECT set_config('statement_timeout', '10s', false), set_config('lock_timeout', '2s', false)"
_FOUND = "SELECT pg_catalog.to_regclass('hexalembic.version') IS NOT NULL"
# The statements that lead from each version of the tables to the next.
_STEPS: tuple[LiteralString, ...] = (
    """
    CREATE SCHEMA hexalembic;
    COMMENT ON SCHEMA hexalembic IS 'The journal of migrate deploy. migrate history shows it.';
    CREATE TABLE hexalembic.version (number integer NOT NULL);
    INSERT INTO hexalembic.version VALUES (0);
    CREATE TABLE hexalembic.journal (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, deployment text NOT NULL, plan text NOT NULL,
        revision text NOT NULL, sha256 text NOT NULL, attempt integer NOT NULL, event text NOT NULL,
        at timestamptz NOT NULL, seconds float8, waited float8 NOT NULL, blockers text[] NOT NULL,
        message text NOT NULL, who text NOT NULL, version text NOT NULL, predicted float8[]
    );
    CREATE TABLE hexalembic.file (sha256 text PRIMARY KEY, revision text NOT NULL, gzip bytea NOT NULL);
    CREATE FUNCTION hexalembic.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the journal of migrate deploy is only added to';
    END $$;
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hexalembic.journal
        EXECUTE FUNCTION hexalembic.refuse();
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hexalembic.file
        EXECUTE FUNCTION hexalembic.refuse();
    """,
)
_INSERT: LiteralString = """
INSERT INTO hexalembic.journal (deployment, plan, revision, sha256, attempt, event, at, seconds, waited, blockers,
       message, who, version, predicted)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_SELECT: LiteralString = """
SELECT deployment, plan, revision, sha256, attempt, event, at, seconds, waited, blockers, message, who, version,
       predicted
  FROM hexalembic.journal ORDER BY id
"""
_NO_RIGHT = psycopg.errors.InsufficientPrivilege


@dataclass
class DatabaseJournal(Journal):
    """A journal that everybody who may read the schema sees.

    Attributes:
        url: The database.
    """

    url: DatabaseURL
    _connection: "psycopg.Connection[Any] | None" = field(default=None, init=False, repr=False)

    def write(self, entry: JournalEntry) -> None:
        """Append an entry; the tables are made with the first one.

        Raises:
            JournalError: The database refuses that.
        """
        values = (
            entry.deployment,
            entry.plan,
            entry.revision,
            entry.sha256,
            entry.attempt,
            entry.event.value,
            entry.at,
            entry.seconds,
            entry.waited,
            [redact(blocker) for blocker in entry.blockers],
            redact(entry.message),
            entry.who,
            entry.version,
            None if entry.predicted is None else list(entry.predicted),
        )
        self._do(lambda connection: connection.execute(_INSERT, values))

    def read(self) -> tuple[JournalEntry, ...]:
        """Return all entries; none if there is no journal.

        Raises:
            JournalError: The database refuses that.
        """
        try:
            with self._session() as connection:
                rows = connection.execute(_SELECT).fetchall() if _is_there(connection) else []
        except psycopg.Error as error:
            raise self._explained(error) from error
        return tuple(_entry(row) for row in rows)

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision.

        Raises:
            JournalError: The database refuses that.
        """
        insert: LiteralString = "INSERT INTO hexalembic.file VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        self._do(lambda connection: connection.execute(insert, (sha256, revision, gzip.compress(content, mtime=0))))

    def kept_file(self, sha256: str) -> bytes | None:
        """Return the file with a SHA-256; None if it was not kept.

        Raises:
            JournalError: The database refuses that.
        """
        try:
            with self._session() as connection:
                if not _is_there(connection):
                    return None
                row = connection.execute("SELECT gzip FROM hexalembic.file WHERE sha256 = %s", (sha256,)).fetchone()
        except psycopg.Error as error:
            raise self._explained(error) from error
        return gzip.decompress(row[0]) if row else None

    def close(self) -> None:
        """Close the connection; the next entry opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _do(self, write: Any) -> None:
        """Write on the connection that is kept; once more on a new one if the server has ended it meanwhile."""
        try:
            for is_last in (False, True):
                try:
                    if self._connection is None:
                        self._connection = self._session()
                        _prepare(self._connection)
                    write(self._connection)
                except psycopg.OperationalError:
                    self.close()
                    if is_last:
                        raise
                else:
                    return
        except psycopg.Error as error:
            self.close()
            raise self._explained(error) from error

    def _session(self) -> "psycopg.Connection[Any]":
        connection = psycopg.connect(
            self.url.libpq,
            autocommit=True,
            client_encoding="utf8",
            application_name="hexalembic journal",
            prepare_threshold=None,
        )
        connection.execute(_TIMEOUTS)
        return connection

    def _explained(self, error: psycopg.Error) -> JournalError:
        hint = "keep it in a file alone: --journal file"
        if isinstance(error, _NO_RIGHT):
            hint = (
                "let the owner of the database deploy once, or GRANT CREATE ON DATABASE; for a journal that is there:"
                f" GRANT USAGE ON SCHEMA {SCHEMA}, and SELECT, INSERT ON ALL TABLES IN SCHEMA {SCHEMA}; or {hint}"
            )
        return JournalError(f"the journal in {self.url} cannot be used: {redact(server_message(error))}", hint)


def _is_there(connection: "psycopg.Connection[Any]") -> bool:
    row = connection.execute(_FOUND).fetchone()
    return bool(row and row[0])


def _prepare(connection: "psycopg.Connection[Any]") -> None:
    """Make the tables, or bring them to this version; two that do so wait for each other."""
    if _is_there(connection) and _version(connection) >= _VERSION:
        return
    with connection.transaction():
        connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (_LOCK,))
        version = _version(connection) if _is_there(connection) else 0
        for step in _STEPS[version:]:
            connection.execute(step)
        if version < _VERSION:
            connection.execute("UPDATE hexalembic.version SET number = %s", (_VERSION,))


def _version(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT number FROM hexalembic.version").fetchone()
    return int(row[0]) if row else 0


def _entry(row: tuple[Any, ...]) -> JournalEntry:
    *start, event, at, seconds, waited, blockers, message, who, version, predicted = row
    deployment, plan, revision, sha256, attempt = start
    return JournalEntry(
        deployment=deployment,
        plan=plan,
        revision=revision,
        sha256=sha256,
        attempt=attempt,
        event=Event(event),
        at=at.astimezone(UTC),
        seconds=seconds,
        waited=waited,
        blockers=tuple(blockers),
        message=message,
        who=who,
        version=version,
        predicted=None if predicted is None else (predicted[0], predicted[1]),
    )
