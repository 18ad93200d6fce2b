"""Describes the sessions that hold a lock."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SHOWN = 120  # characters of a statement that are shown

# Columns of another role's session are null if this role may not see them, and a remark replaces the query (manual,
# "Dynamic Statistics Views"). Process 0 is a prepared transaction (manual, "System Information Functions",
# pg_blocking_pids).
_SESSIONS = """
SELECT b.pid, a.usename, a.application_name, coalesce(host(a.client_addr), ''), a.state,
       coalesce(a.xact_start, a.state_change)::timestamptz(0)::text, a.query, coalesce(a.backend_type, ''),
       pg_has_role('pg_read_all_stats', 'USAGE') OR coalesce(pg_has_role(a.usesysid, 'USAGE'), false), current_user
  FROM ({pids}) AS b (pid) LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
 ORDER BY a.xact_start NULLS LAST
"""
# pg_blocking_pids briefly stops the lock manager, so it is only called for a session that waits for a lock.
_BLOCKING = """
SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(pid)) FROM pg_catalog.pg_stat_activity
WHERE pid IN ({pids}) AND wait_event_type = 'Lock'
"""


@dataclass(frozen=True)
class Holder:
    """A session that holds a lock, or is ahead of others in the queue for it.

    Attributes:
        pid: The process of the session on the server; 0 for a prepared transaction, which has none.
        description: The user, state and query of the session in one line, as far as they are visible.
    """

    pid: int
    description: str

    def __str__(self) -> str:
        """Return the description."""
        return self.description


def holders_query(pids: str) -> str:
    """Return the query that reads the data of sessions.

    Args:
        pids: A query that returns process ids.
    """
    return _SESSIONS.format(pids=pids)


def blocking_query(pids: Iterable[int]) -> str:
    """Return the query that reads the data of the sessions for which some sessions wait at the moment."""
    return holders_query(_BLOCKING.format(pids=", ".join(map(str, pids))))


def read_holders(rows: list[Any]) -> tuple[Holder, ...]:
    """Return the holders from the rows of `holders_query`."""
    return tuple(Holder(int(row[0]), _described(row)) for row in rows)


def join(holders: tuple[Holder, ...]) -> str:
    """Return the descriptions of holders in one line."""
    return "; ".join(map(str, holders))


def end_them(holders: tuple[Holder, ...]) -> str:
    """Return the statement that ends the sessions; empty if there is none to end."""
    pids = [f"pg_terminate_backend({holder.pid})" for holder in holders if holder.pid]
    return f"SELECT {', '.join(pids)};" if pids else ""


def one_line(statement: str | None) -> str:
    """Return a statement in one line, shortened for a message; every statement that is shown goes through here."""
    words = " ".join((statement or "").split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"


def _described(row: Any) -> str:
    pid, user, application, address, state, since, query, kind, visible, reader = row
    if not pid:
        return "a prepared transaction (SELECT gid, owner, prepared FROM pg_prepared_xacts)"
    if not kind and user is None:
        return f"process {pid}, which has just ended"
    name = f"{application!r}" if application else "no application name"
    facts = [f"user {user}" if user else kind, name, f"from {address}" if address else ""]
    if not visible:
        return (
            f"process {pid} ({', '.join(filter(None, facts))}; its state and query are hidden from role {reader}: "
            f"GRANT pg_read_all_stats TO {reader})"
        )
    facts.append(f"{state or 'at work'} since {since}" if since else state or "")
    query_text = f": {one_line(query)}" if query else ""
    return f"process {pid} ({', '.join(filter(None, facts))}){query_text}"
