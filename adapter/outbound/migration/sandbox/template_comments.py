"""Comments on templates, which have the key, the time of the last use, and a note."""

from datetime import UTC, datetime
from typing import Any

import psycopg

from adapter.outbound.migration.sandbox.names import TEMPLATE_PREFIX

MARK = "hexalembic template"


def new_comment(key: str, note: str) -> str:
    """Return the comment on a template that is used now."""
    return f"{MARK} {key} {datetime.now(UTC).isoformat(timespec='microseconds')}\n{note}"


def key_in(comment: str) -> str:
    """Return the key of a template."""
    return comment.partition("\n")[0].removeprefix(f"{MARK} ").rpartition(" ")[0]


def note_in(comment: str) -> str:
    """Return the note that was saved with a template."""
    return comment.partition("\n")[2]


def template_comments(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the comments on the templates of a server by name, the one that was used last first."""
    query = """
        SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database
        WHERE starts_with(datname::text, %s) AND starts_with(shobj_description(oid, 'pg_database'), %s)
    """
    rows = connection.execute(query, (TEMPLATE_PREFIX, MARK)).fetchall()
    return dict(sorted(rows, key=lambda row: row[1].partition("\n")[0].rpartition(" ")[2], reverse=True))
