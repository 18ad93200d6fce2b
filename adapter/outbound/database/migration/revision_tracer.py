"""Runs the revisions of a project, this one or another, in a sandbox, and reports what Postgres reported.

Each revision starts from a template: a database at its parents, with rows in every table. Templates are kept, keyed by
what went into them (the revisions' files, the environment's, the number of rows, the server's version), so that a new
revision on a known history starts at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.database.migration.filler import fill
from adapter.outbound.database.migration.inspector import snapshot
from adapter.outbound.database.migration.sandbox import template_key
from adapter.outbound.database.migration.tracer import (
    Agent,
    AgentError,
    AgentJob,
    AgentResult,
    AgentRun,
    Connection,
    ListedRevision,
)
from application.migration.ports import RevisionTracer, Sandbox, Versions
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace, TableFacts

# Tables that a revision may find in use; partitions count, their parents hold no rows.
_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, pg_relation_size(c.oid)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND c.relname <> 'alembic_version'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""

_MORE = 10  # times as many rows, to tell a batch from a whole table


@dataclass(frozen=True)
class Project:
    """An Alembic project.

    Attributes:
        config: Its `alembic.ini` or `pyproject.toml`.
        statement_timeout: Seconds after which the server cancels a statement.
    """

    config: Path
    statement_timeout: int = 60


@dataclass
class SandboxRevisionTracer(RevisionTracer):
    """Traces the revisions of a project in a sandbox.

    Attributes:
        project: Whose revisions.
        sandbox: Where they run.
        agent: Runs them, in the project's own Python.
        rows: Rows that each table gets before a revision runs.
    """

    project: Project
    sandbox: Sandbox
    agent: Agent
    rows: int = 2000
    _listed: dict[str, ListedRevision] = field(default_factory=dict)
    _history: History | None = None
    _pgvector: str | None = None
    _broken: dict[str, str] = field(default_factory=dict)

    def history(self) -> History:
        """Read the revisions.

        Raises:
            MigrationError: They cannot be read; the message says which file and line.
        """
        if self._history is None:
            database = self.sandbox.create()
            result = self._run(database, "revisions")
            self.sandbox.drop(database)
            for error in (*result.problems, *([result.error] if result.error else [])):
                raise MigrationError(_described(error), "mend the history; alembic history shows the same")
            self._listed = {listed.revision: listed for listed in result.revisions}
            self._history = History(tuple(_entry(listed) for listed in result.revisions))
        return self._history

    def versions(self) -> Versions:
        """Tell what it ran on."""
        version = self.sandbox.server_version
        return Versions(f"{version // 10_000}.{version % 10_000}", self._pgvector)

    def trace(self, entry: HistoryEntry) -> RevisionTrace:
        """Run one revision up and down on a database at its parents with rows in every table.

        A statement that commits by itself and wrote most of a table may be the one batch that was enough for so few
        rows: then the revision runs again on more, where batches show.

        What the revision does is data in the trace, its failures included.
        """
        found = self._trace(entry, frozenset())
        grown = _may_be_one_batch(found)
        return self._trace(entry, grown) if grown else found

    def _trace(self, entry: HistoryEntry, grown: frozenset[str]) -> RevisionTrace:
        try:
            database = self.sandbox.create(self._template(entry.parents, grown))
        except _CannotBuildError as error:
            return self._described(entry, error=str(error))
        before, tables = self._look(database)
        up = self._run(database, "upgrade", entry.revision, trace=True)
        run = _run_of(up, entry.revision, "upgrade")
        if up.error is not None:
            self.sandbox.drop(database)
            return self._described(
                entry,
                upgrade=run.statements,
                error=None if any(one.error for one in run.statements) else _described(up.error),
                tables=tables,
                before=before,
            )
        after, _ = self._look(database)
        # The state after the upgrade serves the next revision, too; the downgrade runs on a copy.
        applied = {*self.history().ancestors(entry.parents), entry.revision}
        key = self._key(applied, self._state(grown, "before filling"))
        self.sandbox.save_template(database, key)
        copy = self.sandbox.create(key)
        down = self._run(copy, "undo", entry.revision, trace=True)
        restored = self._look(copy)[0] if down.error is None else None
        self.sandbox.drop(copy)
        return self._described(
            entry,
            upgrade=run.statements,
            downgrade=_run_of(down, entry.revision, "downgrade").statements,
            downgrade_error=_described(down.error) if down.error else None,
            tables=tables,
            before=before,
            after=after,
            restored=restored,
        )

    def _described(self, entry: HistoryEntry, **found: Any) -> RevisionTrace:
        listed = self._listed[entry.revision]
        path = Path(listed.path)
        root = self.project.config.resolve().parent
        return RevisionTrace(
            revision=listed.revision,
            down_revision=listed.down_revision,
            path=str(path.relative_to(root) if path.is_relative_to(root) else path),
            message=listed.message,
            docstring=listed.docstring,
            safety_assured=dict(listed.safety_assured),
            source=path.read_text(encoding="utf-8"),
            **found,
        )

    def _template(self, parents: Iterable[str], grown: frozenset[str]) -> str:
        """Give the key of a template at some revisions, with rows; make it unless it is there.

        Raises:
            _CannotBuildError: A revision before fails even on empty tables.
        """
        applied = self.history().ancestors(parents)
        key = self._key(applied, self._state(grown, "filled"))
        if self.sandbox.has_template(key):
            return key
        upgraded = self._key(applied, self._state(frozenset(), "before filling"))
        is_upgraded = self.sandbox.has_template(upgraded)
        database = self.sandbox.create(upgraded if is_upgraded else None)
        if not is_upgraded:
            self._upgrade(database, parents)
        with psycopg.connect(database, autocommit=True) as connection:
            if self.rows:
                fill(connection, self.rows)
                if grown:
                    fill(connection, self.rows * _MORE, grown)
        self.sandbox.save_template(database, key)
        return key

    def _upgrade(self, database: str, parents: Iterable[str]) -> None:
        for revision in parents:
            if revision in self._broken:
                raise _CannotBuildError(self._broken[revision])
            result = self._run(database, "upgrade", revision)
            if result.error is not None:
                failed = result.runs[-1].revision if result.runs else revision
                self._broken[revision] = (
                    f"not run: revision {failed} before it fails on an empty database: {_described(result.error)}"
                )
                self.sandbox.drop(database)
                raise _CannotBuildError(self._broken[revision])

    def _look(self, database: str) -> tuple[SchemaSnapshot, Mapping[str, TableFacts]]:
        """Read catalog and sizes of tables."""
        with psycopg.connect(database, autocommit=True) as connection:
            tables = {}
            for name, schema, table, size in connection.execute(_TABLES).fetchall():
                count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
                row = connection.execute(count).fetchone()
                tables[name] = TableFacts(row[0] if row else 0, size)
            version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
            self._pgvector = version[0] if version else self._pgvector
            return snapshot(connection), tables

    def _run(self, database: str, command: str, revision: str = "head", *, trace: bool = False) -> AgentResult:
        job = AgentJob(
            config=self.project.config,
            connection=Connection.parse(database),
            command=command,
            revision=revision,
            trace=trace,
            statement_timeout_ms=self.project.statement_timeout * 1000,
        )
        # Nothing runs for ever: a revision has a dozen statements' time.
        return self.agent.run(job, timeout=self.project.statement_timeout * 12)

    def _state(self, grown: frozenset[str], moment: str) -> str:
        return f"{moment}, rows={self.rows}, more in {sorted(grown)}"

    def _key(self, revisions: Iterable[str], state: str) -> str:
        files = [Path(self._listed[revision].path) for revision in revisions]
        environment = [path for path in {file.parent.parent / "env.py" for file in files} if path.is_file()]
        return template_key([*files, *environment, self.project.config], self.sandbox.server_version, state)


class _CannotBuildError(Exception):
    """A revision's parents cannot be applied."""


def _may_be_one_batch(trace: RevisionTrace) -> frozenset[str]:
    """Name the tables that a single statement wrote most of, and committed by itself."""
    return frozenset(
        table
        for statement in trace.upgrade
        for table, rows in statement.rows.items()
        if statement.transaction is None
        and statement.count == 1
        and table in trace.tables
        and 0 < trace.tables[table].rows <= 2 * (rows.updated + rows.deleted)
    )


def _run_of(result: AgentResult, revision: str, direction: str) -> AgentRun:
    for run in result.runs:
        if (run.revision, run.direction) == (revision, direction):
            return run
    return AgentRun(revision, direction)


def _entry(listed: ListedRevision) -> HistoryEntry:
    return HistoryEntry(
        revision=listed.revision,
        down_revision=listed.down_revision,
        depends_on=listed.depends_on,
        path=listed.path,
        message=listed.message,
        labels=listed.branch_labels,
    )


def _described(error: AgentError) -> str:
    where = f" ({Path(error.path).name}, line {error.line})" if error.path and error.line else ""
    kinds = {"exit": "it called sys.exit: ", "timeout": "", "died": ""}
    return f"{kinds.get(error.kind, '')}{error.message.strip()}{where}"
