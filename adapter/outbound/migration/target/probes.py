"""Runs the probes of a project's settings: SQL that must be true, or commands that must succeed."""

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.explain import server_message
from adapter.outbound.postgres.redaction import redact
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.probes import Probes
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.one_line import in_one_line

_CODE = "probe"
_SECONDS = 60
_LETTERS = 200  # of a probe and of its output that are shown
_FORMS = {"sql", "run"}


@dataclass(frozen=True)
class ConfiguredProbes(Probes):
    """The probes of a project, each `sql: SELECT …` or `run: command …`.

    Attributes:
        probes: The probes.
        url: The database.
        folder: Where commands run.
    """

    probes: tuple[str, ...]
    url: DatabaseURL
    folder: Path

    def __post_init__(self) -> None:
        """Refuse what is no probe, before anything is deployed.

        Raises:
            DatabaseConfigurationError: A probe has another form.
        """
        for probe in self.probes:
            form, _, content = probe.partition(":")
            if form.strip() not in _FORMS or not content.strip():
                raise DatabaseConfigurationError(
                    f"{in_one_line(redact(probe), _LETTERS)} is no probe", "write sql: SELECT …, or run: command …"
                )

    def run(self) -> tuple[Finding, ...]:
        """Return a finding for each probe."""
        return tuple(self._run(probe) for probe in self.probes)

    def _run(self, probe: str) -> Finding:
        form, _, content = probe.partition(":")
        name = in_one_line(redact(content.strip()), _LETTERS)
        trouble = self._ask(content.strip()) if form.strip() == "sql" else self._call(content.strip())
        if trouble:
            return Finding(_CODE, Outcome.FAILED, f"{name}: {trouble}", "look at the application, then go back or on")
        return Finding(_CODE, Outcome.PASSED, name)

    def _ask(self, query: str) -> str:
        """Return why a query is not true; empty if it is."""
        try:
            with psycopg.connect(self.url.libpq, client_encoding="utf8", prepare_threshold=None) as connection:
                connection.read_only = True
                connection.execute(f"SET LOCAL statement_timeout = '{_SECONDS}s'".encode())
                row = connection.execute(query.encode()).fetchone()
        except psycopg.Error as error:
            return redact(server_message(error))
        return "" if row is not None and row[0] is True else f"it gives {redact(str(row[0])) if row else 'no row'}"

    def _call(self, command: str) -> str:
        """Return why a command does not succeed; empty if it does."""
        try:
            done = subprocess.run(
                shlex.split(command), cwd=self.folder, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, ValueError) as error:
            return redact(str(error))
        except subprocess.TimeoutExpired:
            return f"it has not ended within {_SECONDS} s"
        if done.returncode == 0:
            return ""
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        return in_one_line(redact(f"exit code {done.returncode}{f': {last}' if last else ''}"), _LETTERS)
