"""The journal in the database that is deployed to, in a schema of its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.rows import dict_row

from adapter.outbound.migration.target.journal import bootstrap
from adapter.outbound.migration.target.journal.fields import entry_of, fields_of
from adapter.outbound.migration.target.journal.kept import packed, unpacked
from adapter.outbound.postgres.direct import closed_on_failure
from adapter.outbound.postgres.explain import explain, server_message
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.journal import Journal
from domain.migration.deployment.journal import JournalEntry
from domain.migration.errors import JournalError

Result = TypeVar("Result")

# A role's settings must not decide whether an entry is written: its search path, its timeouts, its isolation, whether a
# commit is on the disk. A session that is idle for hours between two entries is not ended.
_SETTINGS: LiteralString = """
SELECT set_config('search_path', 'pg_catalog, pg_temp', false), set_config('TimeZone', 'UTC', false),
       set_config('statement_timeout', '10s', false), set_config('lock_timeout', '3s', false),
       set_config('idle_session_timeout', '0', false),
       set_config('default_transaction_isolation', 'read committed', false),
       CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'local', false) END
"""
# Without these, a cut connection is noticed after many minutes.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_COLUMNS: LiteralString = (
    "at, database, deployment, plan, revision, sha256, attempt, event, seconds, waited, predicted, blockers, message, "
    "who, version"
)
_READ: LiteralString = f"SELECT {_COLUMNS} FROM hexalembic.journal ORDER BY number"  # noqa: S608 - a constant
# An entry that was written although the connection was lost before the answer came is not written twice.
_WRITE: LiteralString = f"""
INSERT INTO hexalembic.journal ({_COLUMNS})
VALUES (%(at)s, %(database)s, %(deployment)s, %(plan)s, %(revision)s, %(sha256)s, %(attempt)s, %(event)s, %(seconds)s,
        %(waited)s, %(predicted)s, %(blockers)s, %(message)s, %(who)s, %(version)s)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - a constant
_KEEP: LiteralString = """
INSERT INTO hexalembic.revision_file (sha256, revision, gzip) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""
_KEPT: LiteralString = "SELECT gzip FROM hexalembic.revision_file WHERE sha256 = %s"


@dataclass
class DatabaseJournal(Journal):
    """A journal that is written on a connection of its own, so that the record of a failure survives the failure.

    Attributes:
        url: The database.
        database: Its name in the entries.
    """

    url: DatabaseURL
    database: str = ""
    _writing: psycopg.Connection[Any] | None = field(default=None, init=False, repr=False)

    def write(self, entry: JournalEntry) -> None:
        """Append an entry; the first one makes the schema of the journal.

        Raises:
            JournalError: The database refused, or cannot be reached.
        """
        fields = fields_of(entry, self.database)
        self._write(lambda connection: connection.execute(_WRITE, _storable(connection, fields)))

    def read(self) -> tuple[JournalEntry, ...]:
        """Return all entries, oldest first.

        Raises:
            JournalError: The role may not read them, the database cannot be reached, or a newer version wrote them.
        """
        rows = self._read(_READ, ())
        try:
            return tuple(entry_of(row) for row in rows)
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"an entry of hexalembic.journal is none that this version knows: {error}",
                "use the version of Hexalembic that wrote it",
            ) from None

    def keep_file(self, revision: str, sha256: str, content: bytes) -> None:
        """Keep the file of a revision.

        Raises:
            JournalError: The database refused or cannot be reached, or the file has another SHA-256.
        """
        compressed = packed(sha256, content)
        self._write(lambda connection: connection.execute(_KEEP, (sha256, revision, compressed)))

    def kept_file(self, sha256: str) -> bytes | None:
        """Return a kept file.

        Raises:
            JournalError: It cannot be read, or is damaged.
        """
        for row in self._read(_KEPT, (sha256,)):
            return unpacked(sha256, bytes(row["gzip"]))
        return None

    def close(self) -> None:
        """Close the connection for entries, if there is one."""
        if self._writing is not None:
            self._writing.close()
            self._writing = None

    def _write(self, work: Callable[[psycopg.Connection[Any]], object]) -> None:
        """Run a statement on the connection for entries; on a new one where the old one was lost."""
        with self._explained("written"):
            had_connection = self._writing is not None
            try:
                work(self._connected())
            except psycopg.OperationalError:
                if self._writing is not None and not self._writing.closed:
                    raise
                self.close()
                if not had_connection:
                    raise
                work(self._connected())

    def _connected(self) -> psycopg.Connection[Any]:
        if self._writing is None:
            session = _session(self.url)
            with closed_on_failure(session):
                bootstrap.ensure(session)
            self._writing = session
        return self._writing

    def _read(self, query: LiteralString, parameters: Sequence[object]) -> list[dict[str, Any]]:
        with self._explained("read"), _session(self.url) as connection:
            if not bootstrap.is_there(connection):
                return []
            connection.row_factory = dict_row
            rows: list[Any] = connection.execute(query, parameters).fetchall()
            return rows

    @contextmanager
    def _explained(self, done: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            explained = explain(error, self.url, reads=done == "read")
            reason = explained.message if explained else server_message(error)
            hint = explained.hint.rstrip(".") if explained else "look at the log of the server"
            raise JournalError(
                f"the journal in {self.url} cannot be {done}: {reason}", f"{hint}; {bootstrap.OTHERWISE}"
            ) from error


def _session(url: DatabaseURL) -> psycopg.Connection[Any]:
    """Open a session in autocommit mode."""
    patience = {name: value for name, value in _PATIENCE.items() if not url.parameter(name)}
    # Behind a pooler, a prepared statement would stay in a session that another client gets next.
    session = psycopg.connect(url.libpq, client_encoding="utf8", autocommit=True, prepare_threshold=None, **patience)
    with closed_on_failure(session) as connection:
        connection.execute(_SETTINGS)
        return connection


def _storable(connection: psycopg.Connection[Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Return values that the database's encoding has; letters that it may lack are escaped."""
    if connection.info.parameter_status("server_encoding") == "UTF8":
        return fields
    return {
        name: [*map(_ascii, value)] if name == "blockers" else _ascii(value) if isinstance(value, str) else value
        for name, value in fields.items()
    }


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
