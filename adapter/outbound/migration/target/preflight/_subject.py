"""What the checks of a preflight look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import psycopg

from adapter.outbound.postgres.holders import Holder, holders_query, read_holders
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.plan import Plan
from domain.migration.locks import LockMode


@dataclass(frozen=True)
class Subject:
    """A database, and the plan that will be carried out there.

    Attributes:
        connection: A session of the role that will migrate; read only, with short timeouts.
        url: The database.
        plan: The plan; None if there is none.
        leftovers: The revision whose earlier attempt has left an invalid index, by the name of the index.
    """

    connection: psycopg.Connection[Any]
    url: DatabaseURL
    plan: Plan | None
    leftovers: Mapping[str, str] = field(default_factory=dict)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, *parameters: Any) -> Any:
        """Return the only value of a query."""
        ((value,),) = self.rows(query, *parameters)
        return value

    @cached_property
    def modes(self) -> Mapping[str, frozenset[LockMode]]:
        """Lock modes that the plan takes on each relation that is in use."""
        modes: dict[str, set[LockMode]] = {}
        for step in self.plan.steps if self.plan else ():
            for lock in step.locks:
                modes.setdefault(lock.relation, set()).add(lock.mode)
        return {relation: frozenset(taken) for relation, taken in modes.items()}

    @cached_property
    def relations(self) -> Mapping[int, str]:
        """Relations that the plan locks and that exist, by OID."""
        query = "SELECT oid::int8, name FROM unnest(%s::text[]) AS name, to_regclass(name) AS oid WHERE oid IS NOT NULL"
        return {int(oid): str(name) for oid, name in self.rows(query, list(self.modes))}

    @cached_property
    def hidden_from(self) -> str | None:
        """The role, quoted, if the state of other roles' sessions is hidden from it; None if it sees all."""
        role, sees = self.rows("SELECT quote_ident(current_user), pg_has_role('pg_read_all_stats', 'USAGE')")[0]
        return None if sees else str(role)

    def holders(self, pids: Iterable[int]) -> tuple[Holder, ...]:
        """Return the sessions with some process numbers."""
        listed = ", ".join(f"({pid})" for pid in pids)
        return read_holders(self.rows(holders_query(f"VALUES {listed}"))) if listed else ()
