"""The checks of a target before a deployment, one module a check.

A module has a `CODE`, a `TITLE` that is true when nothing is found, a `REMEDY` for a role that cannot read what it
needs, and `check(subject)`, which returns findings. One that looks at the state of sessions says so by `SEES_SESSIONS`,
because Postgres hides that state from most roles without an error.
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import psycopg

from adapter.outbound.migration.target.applied import TIMEOUTS
from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.explain import costs_more, server_message
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.target_checks import TargetChecks
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Plan
from domain.migration.deployment.preflight import Finding, Outcome


@dataclass(frozen=True)
class SessionChecks(TargetChecks):
    """Runs the checks over a session of the role that will migrate.

    Attributes:
        url: The database; it is only read.
    """

    url: DatabaseURL

    def run(self, plan: Plan | None, leftovers: Collection[Leftover] = ()) -> tuple[Finding, ...]:
        """Return what each check found; a check that cannot read what it needs costs itself only.

        Args:
            plan: The plan; None if there is none, so that only its database is checked.
            leftovers: Invalid indexes that earlier attempts have left, and that the deployment drops.

        Raises:
            psycopg.Error: The database cannot be reached or refused.
        """
        with psycopg.connect(self.url.libpq, client_encoding="utf8", prepare_threshold=None) as connection:
            connection.read_only = True
            subject = Subject(connection, self.url, plan, {leftover.index: leftover.revision for leftover in leftovers})
            return tuple(finding for module in all_checks() for finding in _run(module, subject))


def all_checks() -> tuple[ModuleType, ...]:
    """Return the modules of all checks, sorted by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


def _run(module: ModuleType, subject: Subject) -> Iterator[Finding]:
    check: Callable[[Subject], Iterator[Finding]] = module.check
    try:
        with subject.connection.transaction():
            subject.connection.execute(TIMEOUTS)
            if getattr(module, "SEES_SESSIONS", False) and subject.hidden_from:
                yield _hidden(module, subject.hidden_from)
                return
            found = tuple(check(subject))
    except psycopg.Error as error:
        if subject.connection.closed or (costs_more(error) and not _is_late(error)):
            raise
        yield Finding(module.CODE, Outcome.NOT_READ, f"{module.TITLE}: {server_message(error)}", module.REMEDY)
        return
    yield from found or (Finding(module.CODE, Outcome.PASSED, module.TITLE),)


def _hidden(module: ModuleType, role: str) -> Finding:
    """Return the finding of a check that would pass, because the role does not see what it looks for."""
    message = f"{module.TITLE}: unknown, because the sessions of other roles are hidden from {role}"
    return Finding(module.CODE, Outcome.NOT_READ, message, f"GRANT pg_read_all_stats TO {role}")


def _is_late(error: Any) -> bool:
    """Return whether a query took too long or waited for a lock, which says nothing of the session."""
    return isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable)
