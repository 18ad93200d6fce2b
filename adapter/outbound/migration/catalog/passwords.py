"""Reads whether roles have the same stored passwords; neither these nor what is made of them leaves the process."""

from collections.abc import Mapping
from typing import Any

import psycopg

_MAY_READ = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')"
_PASSWORDS = """
SELECT pg_catalog.quote_ident(rolname), pg_catalog.md5(coalesce(rolpassword, ''))
  FROM pg_catalog.pg_authid WHERE oid >= 16384
"""


def read_passwords(session: psycopg.Connection[Any]) -> Mapping[str, str]:
    """Return what tells the stored passwords of roles apart, by name; nothing if the session may not read them.

    The same password that is set again is stored otherwise, because Postgres salts it.
    """
    row = session.execute(_MAY_READ.encode()).fetchone()
    return dict(session.execute(_PASSWORDS.encode()).fetchall()) if row and row[0] else {}


def other_passwords(before: Mapping[str, str], session: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return the roles that have another stored password than before; a role that has gone is none of them."""
    after = read_passwords(session) if before else {}
    return tuple(sorted(role for role in before.keys() & after.keys() if before[role] != after[role]))
