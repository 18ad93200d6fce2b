"""Applies single revisions to a real database through the agent, under a lock policy."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Self

import psycopg

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.target.applied import read_applied
from adapter.outbound.migration.target.obstacles import Obstacles
from adapter.outbound.migration.target.scout import LockWait, Scout
from adapter.outbound.migration.target.upgrade import run_upgrade
from adapter.outbound.migration.target.upgrade_errors import (
    failed_sqlstate,
    is_lost,
    needs_traceback,
    upgrade_error,
)
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, server_message
from adapter.outbound.postgres.holders import Holder, end_them, join
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.applier import Applier
from domain.migration.deployment.deployment import Attempted, Ending
from domain.migration.deployment.lock_policy import LockPolicy
from domain.migration.deployment.plan import Step

_RETRIED = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED})
_RESTART = 10.0  # seconds to wait for a server that is restarting
_PAUSE = 0.2  # seconds between two attempts to reach it


class AgentApplier(Applier):
    """Applies revisions in a process of the project's Python; a context that ends it."""

    def __init__(
        self,
        process: AgentProcess,
        job: AgentJob,
        url: DatabaseURL,
        policy: LockPolicy,
        report: Callable[[LockWait], object],
    ) -> None:
        """Prepare to apply.

        Args:
            process: The agent.
            job: The job of one revision, from `upgrade_job`, whose revision is replaced.
            url: The database.
            policy: When to ask for a lock.
            report: Called now and then while a step waits for a lock.
        """
        self._process, self._job, self._url, self._policy, self._report = process, job, url, policy, report
        self._scouts: dict[str, Scout] = {}
        self._obstacles: Obstacles | None = None

    def __enter__(self) -> Self:
        """Return the applier."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection from which locks are watched, and end the process."""
        self._forget_connection()
        self._process.close()

    def apply(self, step: Step) -> Attempted:
        """Try to apply a revision once."""
        began = time.monotonic()
        try:
            scout = self._scout(step)
        except psycopg.Error as error:
            return Attempted(Ending.LOST, time.monotonic() - began, message=server_message(error))
        scout.begin_attempt()
        try:
            self._process.reopen()
            result, holders = run_upgrade(
                self._process,
                replace(self._job, revision=step.revision),
                self._url,
                scout.settings,
                self._policy.stall / 5,
                lambda seconds, waited_for: self._report(LockWait(step.revision, (), seconds, waited_for, 0.0)),
            )
        except KeyboardInterrupt:
            return self._attempted(Ending.INTERRUPTED, began, scout, (), "interrupted")
        except psycopg.Error as error:  # the scout's connection has gone, most likely with the server
            return self._lost(self._attempted(Ending.LOST, began, scout, (), server_message(error)))
        return self._judged(result, holders, scout, began)

    def _judged(self, result: AgentResult, holders: tuple[Holder, ...], scout: Scout, began: float) -> Attempted:
        error, state = result.error, failed_sqlstate(result) or ""
        if error is None:
            return self._attempted(Ending.APPLIED, began, scout, holders)
        if scout.gave_up:
            return self._gave_up(began, scout)
        explained = upgrade_error(result, self._url, self._current(result.version_tables), holders)
        message = error.message if explained is None else explained.message
        hint = "" if explained is None else explained.hint
        if state in _RETRIED:
            scout.end_attempt()
            return self._attempted(Ending.GAVE_WAY, began, scout, holders, message, hint)
        traceback = error.traceback if needs_traceback(result) else ""
        if is_lost(result):
            return self._lost(self._attempted(Ending.LOST, began, scout, holders, message, hint))
        return replace(self._attempted(Ending.FAILED, began, scout, holders, message, hint), traceback=traceback)

    def _lost(self, attempt: Attempted) -> Attempted:
        """Return a lost attempt, once the server answers again: whoever asks what became of it gets an answer then."""
        self._forget_connection()
        deadline = time.monotonic() + _RESTART
        while time.monotonic() < deadline:
            with suppress(psycopg.Error), psycopg.connect(self._url.libpq, connect_timeout=2):
                break
            time.sleep(_PAUSE)
        return attempt

    def _gave_up(self, began: float, scout: Scout) -> Attempted:
        end = end_them(scout.holders)
        remedy = f"wait for it, end it ({end.rstrip(';')})" if end else "deploy when fewer transactions are in the way"
        return self._attempted(
            Ending.GAVE_UP,
            began,
            scout,
            (),
            f"there was no moment to take its locks in {self._policy.deadline:g} s; in the way: {join(scout.holders)}",
            f"{remedy}, or allow more: --longest-stall, --deadline",
        )

    def _attempted(
        self, ending: Ending, began: float, scout: Scout, holders: tuple[Holder, ...], message: str = "", hint: str = ""
    ) -> Attempted:
        blockers = tuple(dict.fromkeys(str(holder) for holder in (*scout.holders, *holders)))
        return Attempted(ending, time.monotonic() - began, scout.waited, blockers, message, hint or "")

    def _scout(self, step: Step) -> Scout:
        if self._obstacles is None:
            self._obstacles = Obstacles(self._url)
            self._scouts.clear()
        if step.revision not in self._scouts:
            self._scouts[step.revision] = Scout(self._obstacles, self._policy, step, self._report)
        return self._scouts[step.revision]

    def _forget_connection(self) -> None:
        if self._obstacles is not None:
            self._obstacles.__exit__()
            self._obstacles = None

    def _current(self, version_tables: tuple[str, ...]) -> tuple[str, ...] | None:
        try:
            return read_applied(self._url, version_tables) if version_tables else None
        except (psycopg.Error, DatabaseError):
            return None
