"""The schema of the journal in a database: the first writer makes it, and later versions of this tool may change it.

Each entry of `_STEPS` makes a version from the one before, in a transaction, and is not changed once it is released.
"""

from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from adapter.outbound.postgres.schemas import JOURNAL_MARK, JOURNAL_SCHEMA
from domain.migration.errors import JournalError

TABLES: Final = ("journal", "revision_file", JOURNAL_MARK)
OTHERWISE: Final = "or keep the journal in a file: --journal file"
READS: Final = ("SELECT",)
WRITES: Final = ("SELECT", "INSERT")

_LOCK = 0x6865_7861_6A6F_7572  # of an advisory lock; any number that no other software uses

# Triggers on rows as well: an UPDATE of a table that the journal was made to inherit from fires only those.
_REFUSALS: LiteralString = """
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE OR TRUNCATE ON hexalembic.{table}
   FOR EACH STATEMENT EXECUTE FUNCTION hexalembic.refuse_change();
CREATE TRIGGER only_appended_rows BEFORE UPDATE OR DELETE ON hexalembic.{table}
   FOR EACH ROW EXECUTE FUNCTION hexalembic.refuse_change();
ALTER TABLE hexalembic.{table} ENABLE ALWAYS TRIGGER only_appended;
ALTER TABLE hexalembic.{table} ENABLE ALWAYS TRIGGER only_appended_rows;
"""
_FIRST: LiteralString = """
COMMENT ON SCHEMA hexalembic IS 'Journal of migrate deploy. It is only appended to; migrate history shows it.';
CREATE FUNCTION hexalembic.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of hexalembic.% is refused: the journal of deployments is only appended to', TG_OP, TG_TABLE_NAME
          USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
CREATE TABLE hexalembic.journal_bootstrap (
    version integer PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL DEFAULT current_user
);
CREATE TABLE hexalembic.journal (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    database text NOT NULL,
    deployment text NOT NULL,
    plan text NOT NULL,
    revision text NOT NULL,
    sha256 text NOT NULL,
    attempt integer NOT NULL,
    event text NOT NULL,
    seconds double precision,
    waited double precision NOT NULL,
    predicted double precision[],
    blockers text[] NOT NULL,
    message text NOT NULL,
    who text NOT NULL,
    version text NOT NULL,
    UNIQUE (deployment, revision, attempt, event, at)
);
CREATE TABLE hexalembic.revision_file (
    sha256 text PRIMARY KEY,
    revision text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    gzip bytea NOT NULL
);
""" + "".join(_REFUSALS.replace("{table}", table) for table in TABLES)  # fmt: skip
_STEPS: tuple[LiteralString, ...] = (_FIRST,)

_STATE: LiteralString = f"""
SELECT n.oid IS NOT NULL,
       EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = '{JOURNAL_MARK}'),
       EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid),
       n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'CREATE'),
       has_database_privilege(current_database(), 'CREATE'),
       quote_ident(current_user), quote_ident(current_database())
  FROM (SELECT) AS one LEFT JOIN pg_namespace AS n ON n.nspname = '{JOURNAL_SCHEMA}'
"""  # noqa: S608 - a constant
# A copy of the schema without its rows has the version only in the comment.
_VERSION: LiteralString = """
SELECT coalesce(max(version), substring(obj_description('hexalembic.journal_bootstrap'::regclass) FROM '[0-9]+')::int)
  FROM hexalembic.journal_bootstrap
"""
_LACKING: LiteralString = f"""
SELECT has_schema_privilege(n.oid, 'USAGE')
       AND (SELECT coalesce(bool_and(has_table_privilege(c.oid, privilege)), false)
              FROM pg_class AS c, unnest(%s::text[]) AS privilege
             WHERE c.relnamespace = n.oid AND c.relname = ANY (%s::text[]))
  FROM pg_namespace AS n WHERE n.nspname = '{JOURNAL_SCHEMA}'
"""  # noqa: S608 - a constant
# Tables of a publication of all tables must be at the subscriber before the first row comes (manual, 29.1).
_PUBLISHED: LiteralString = "SELECT string_agg(quote_ident(pubname), ', ') FROM pg_publication WHERE puballtables"
_NAMESAKE: LiteralString = f"SELECT FROM pg_roles WHERE rolname = '{JOURNAL_SCHEMA}'"


@dataclass(frozen=True)
class _State:
    schema: bool
    marked: bool
    filled: bool
    may_fill: bool
    may_create: bool
    role: str
    database: str


def is_there(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a database has a journal that this version and this role can read.

    Args:
        connection: A connection in autocommit mode.

    Raises:
        JournalError: The role may not read it, or a newer version has made it.
        psycopg.Error: The database refused.
    """
    state = _state(connection)
    if not state.marked:
        return False
    _require_privileges(connection, state, READS)
    _version(connection)
    return True


def ensure(connection: psycopg.Connection[Any]) -> None:
    """Make the journal, or bring it to the version of this tool; nothing is done where it is at that.

    Of several that begin at once, one does it, and the others wait for it.

    Args:
        connection: A connection in autocommit mode, with a short `lock_timeout`.

    Raises:
        JournalError: The role may neither make it nor write to it, a newer version has made it, or another schema has
            its name.
        psycopg.Error: The database refused, or somebody else makes it for too long.
    """
    if _is_current(connection):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if _is_current(connection):
            return
        state = _state(connection)
        if not state.marked:
            _require_place(connection, state)
        if not state.schema:
            connection.execute("CREATE SCHEMA hexalembic")
        done = _version(connection) if state.marked else 0
        for version, step in enumerate(_STEPS[done:], done + 1):
            connection.execute(step)
            connection.execute("INSERT INTO hexalembic.journal_bootstrap (version) VALUES (%s)", [version])
            comment = sql.SQL("COMMENT ON TABLE hexalembic.journal_bootstrap IS {}").format(f"version {version}")
            connection.execute(comment)


def _is_current(connection: psycopg.Connection[Any]) -> bool:
    state = _state(connection)
    if not state.marked:
        return False
    _require_privileges(connection, state, WRITES)
    return _version(connection) == len(_STEPS)


def _state(connection: psycopg.Connection[Any]) -> _State:
    row = connection.execute(_STATE).fetchone()
    assert row is not None  # noqa: S101 - the query has one row
    return _State(*row)


def _version(connection: psycopg.Connection[Any]) -> int:
    """Return the version of the journal.

    Raises:
        JournalError: This tool is older.
    """
    row = connection.execute(_VERSION).fetchone()
    version = int(row[0] or 0) if row else 0
    if version > len(_STEPS):
        raise JournalError(
            f"the journal in the database has version {version}, and this version of Hexalembic knows {len(_STEPS)}",
            f"use the newer version that made it, {OTHERWISE}",
        )
    return version


def _require_privileges(connection: psycopg.Connection[Any], state: _State, wanted: tuple[str, ...]) -> None:
    row = connection.execute(_LACKING, [list(wanted), list(TABLES)]).fetchone()
    if row is None or row[0]:
        return
    done = "write to" if "INSERT" in wanted else "read"
    raise JournalError(
        f"role {state.role} may not {done} the journal, schema hexalembic of database {state.database}",
        f"its owner runs there: GRANT USAGE ON SCHEMA hexalembic TO {state.role}; "
        f"GRANT {', '.join(wanted)} ON ALL TABLES IN SCHEMA hexalembic TO {state.role}; {OTHERWISE}",
    )


def _require_place(connection: psycopg.Connection[Any], state: _State) -> None:
    """Raise an error where the journal cannot be made, or would change how other programs work."""
    if state.filled:
        raise JournalError(
            f"database {state.database} has a schema hexalembic that is no journal of deployments",
            f"rename it, {OTHERWISE}",
        )
    if not (state.may_fill if state.schema else state.may_create):
        make = "GRANT USAGE, CREATE ON" if state.schema else "CREATE"
        owned = f"TO {state.role}" if state.schema else f"AUTHORIZATION {state.role}"
        raise JournalError(
            f"role {state.role} may not make the journal, schema hexalembic of database {state.database}",
            f"an administrator runs there: {make} SCHEMA hexalembic {owned}; {OTHERWISE}",
        )
    published = connection.execute(_PUBLISHED).fetchone()
    if published is not None and published[0]:
        raise JournalError(
            f"publication {published[0]} publishes all tables, and a subscriber stops at the first row of a table that "
            "it does not have, which the journal would be",
            "keep the journal in a file: --journal file",
        )
    if connection.execute(_NAMESAKE).fetchone() is not None:
        raise JournalError(
            "there is a role hexalembic, whose search_path finds the journal's schema before public",
            f"rename the role, {OTHERWISE}",
        )
