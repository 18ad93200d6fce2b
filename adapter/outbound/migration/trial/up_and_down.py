"""One run of a revision: its upgrade on a database with rows, and its downgrade."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapter.outbound.migration.catalog.contradictions import read_contradictions
from adapter.outbound.migration.catalog.passwords import other_passwords, read_passwords
from adapter.outbound.migration.catalog.sequences import sequences_behind
from adapter.outbound.migration.catalog.unfit_rows import read_unfit_rows
from adapter.outbound.migration.catalog.written_rows import RowCounts, count_all_rows
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.described import describe
from adapter.outbound.migration.trial.refused_rows import refused_rows
from adapter.outbound.migration.trial.states import NOTHING_KNOWN, KnownState
from adapter.outbound.migration.trial.table_facts import read_table_facts
from adapter.outbound.migration.trial.time_stamps import read_clock, stamped_columns
from adapter.outbound.migration.trial.unreported import (
    ServerState,
    read_changed_state,
    read_server_state,
    unreported_changes,
    unseen_work,
)
from domain.migration.digest import DataDigest, compare, filled_nulls, unchanged
from domain.migration.exchanges import with_exchanges
from domain.migration.history import HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RevisionTrace, StatementTrace

_QUERY_WORDS = re.compile(r"\b(update|delete|select|insert|merge|query|session|scalars?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        trace: What was seen.
        after: The upgraded database; None when the upgrade failed, or was undone on it.
        exception_type: Class of the exception that a failed upgrade raised; empty without one.
    """

    trace: RevisionTrace
    after: Database | None = None
    exception_type: str = ""

    def end(self) -> None:
        """Drop the upgraded database, if there is one."""
        if self.after is not None:
            self.after.drop()


class UpAndDown:
    """Runs one revision up and down, on any database at its parents.

    Attributes:
        databases: Make the databases.
        entry: The revision.
        keeps: Whether the upgrade runs on a copy unless asked otherwise, so that the state before remains.
        pgvector: The version of pgvector that was seen last; None if it was not created.
    """

    def __init__(self, databases: RevisionDatabases, entry: HistoryEntry, *, keeps_before: bool, goes_on: bool) -> None:
        """Prepare the runs of a revision.

        Args:
            databases: Make the databases.
            entry: The revision.
            keeps_before: Keep the state before the upgrade in any case, and try a statement of the application for each
                column; otherwise the state is kept when the text of the revision suggests that it looks for rows.
            goes_on: Whether other revisions may follow. When none do, the downgrade needs no copy.
        """
        self.databases = databases
        self.entry = entry
        self.pgvector: str | None = None
        self._each_column = keeps_before
        self._copies = goes_on
        source = Path(databases.listed(entry.revision).path).read_text(encoding="utf-8")
        self.keeps = keeps_before or may_look_for_rows(source)

    def __call__(
        self,
        base: Database,
        known: KnownState = NOTHING_KNOWN,
        *,
        copies: bool | None = None,
        keeps: bool | None = None,
    ) -> Outcome:
        """Upgrade a database to the revision and undo the upgrade.

        Args:
            base: A database at the parents of the revision.
            known: What is known of that database.
            copies: Undo the upgrade on a copy, so that the upgraded database remains; None when others may follow.
            keeps: Upgrade a copy, so that the state before remains; None for `self.keeps`.
        """
        copies = self._copies if copies is None else copies
        before = known.schema or base.snapshot()
        self._remember_pgvector(before)
        counts = known.counts if known.counts.tables else count_all_rows(base.session())
        rows = base.digest(counts)
        tables = read_table_facts(base.session(), rows.tables)
        common: dict[str, Any] = {
            "tables": tables,
            "before": before,
            "unfilled": base.unfilled,
            "unread": dict(rows.unread),
            "valueless": rows.valueless,
        }
        upgraded = self._database_to_upgrade(base, keeps=self.keeps if keeps is None else keeps)
        outcome = self._upgrade(upgraded, rows, counts, common, copies=copies)
        if upgraded is not base and upgraded.old_code is not None:
            base.old_code = replace(upgraded.old_code, behind=None)
        return outcome

    def _database_to_upgrade(self, base: Database, *, keeps: bool) -> Database:
        if keeps:
            return base.copy(self.entry.revision)
        base.applied |= {self.entry.revision}
        return base

    def _upgrade(
        self, upgraded: Database, rows: DataDigest, counts: RowCounts, common: dict[str, Any], *, copies: bool
    ) -> Outcome:
        with upgraded.tried() as keep:
            state = read_server_state(upgraded.session(), rows.tables)
            start = read_clock(upgraded.session())
            passwords = read_passwords(upgraded.session())
            result, counts, seen = self._run_upgrade(upgraded, state, counts, common["tables"])
            common |= seen
            if result.error is not None:
                return self._failed(result, common)
            common |= self._seen_behind(upgraded, rows, counts, state, common["upgrade"])
            with upgraded.copy() if copies else nullcontext(upgraded) as undone:
                common |= self._undo(undone, rows, start, common)
                common["other_passwords"] = other_passwords(passwords, undone.session())
            return Outcome(describe(self.databases, self.entry, **common), keep() if copies else None)

    def _run_upgrade(
        self, upgraded: Database, state: ServerState, counts: RowCounts, tables: Collection[str]
    ) -> tuple[AgentResult, RowCounts, dict[str, Any]]:
        """Run the upgrade beside statements of the application, and return what was seen, as fields of the trace.

        Returns:
            The result, the numbers of rows behind the upgrade, and the fields.
        """
        with ApplicationStatements(
            upgraded.url,
            self.databases.project.statements,
            each_column=self._each_column,
            known=upgraded.old_code,
            watching=upgraded.session(),
            counts=counts,
        ) as application:
            upgraded.old_code = application.known
            result = upgraded.run(Command.UPGRADE, self.entry.revision, trace=True)
            agent_run = result.run_of(self.entry.revision, "upgrade")
            fields: dict[str, Any] = {"upgrade": agent_run.statements}
            if result.error is None:
                counts = count_all_rows(upgraded.session())
                state_after = read_changed_state(upgraded.session(), state, counts)
                fields |= {
                    "unreported": (
                        *unreported_changes(state, state_after, agent_run.statements),
                        *unseen_work(agent_run, tables),
                    ),
                    "waited_ms": agent_run.waited_ms,
                    "contradictions": read_contradictions(
                        upgraded.session(), state.following, state.changed_tables(state_after)
                    ),
                    "unfit_rows": read_unfit_rows(upgraded.session(), state.following),
                    "drawn": state.drawn(state_after),
                    "compatibility": application.try_again(upgraded.session(), counts),
                }
                upgraded.old_code = application.known
        return result, counts, fields

    def _failed(self, result: AgentResult, common: Mapping[str, Any]) -> Outcome:
        error = result.error
        assert error is not None  # noqa: S101 - it is why this is called
        is_of_statement = error.kind != "forged" and any(statement.error for statement in common["upgrade"])
        described_error = None if is_of_statement else described(error)
        trace = describe(self.databases, self.entry, error=described_error, refused_rows=refused_rows(error), **common)
        return Outcome(trace, None, error.type)

    def _seen_behind(
        self,
        upgraded: Database,
        rows: DataDigest,
        counts: RowCounts,
        state: ServerState,
        statements: Sequence[StatementTrace],
    ) -> dict[str, Any]:
        """Return what is seen behind an upgrade that succeeded, as fields of the trace."""
        after = upgraded.snapshot()
        self._remember_pgvector(after)
        written_tables = _written_tables(statements)
        fields: dict[str, Any] = {
            "after": after,
            "sequences_behind": sequences_behind(upgraded.session(), state.following, written_tables),
        }
        if written_tables:
            rows_upgraded = upgraded.digest(counts)
            fields |= {"unchanged": unchanged(rows, rows_upgraded), "filled_nulls": filled_nulls(rows, rows_upgraded)}
        return fields

    def _undo(self, undone: Database, rows: DataDigest, start: datetime, known: Mapping[str, Any]) -> dict[str, Any]:
        """Undo the upgrade on a database, and return what was seen, as fields of the trace.

        Args:
            undone: The upgraded database.
            rows: The rows before the upgrade.
            start: The clock before the upgrade.
            known: Fields of the trace: the schema and the unread tables before the upgrade, and its statements.
        """
        result = undone.run(Command.UNDO, self.entry.revision, trace=True)
        statements = result.run_of(self.entry.revision, "downgrade").statements
        fields: dict[str, Any] = {
            "downgrade": statements,
            "downgrade_error": described(result.error) if result.error else None,
            "downgrade_error_type": result.error.type if result.error else None,
            "downgrade_raised": result.error.raised if result.error else None,
        }
        if result.error is None:
            rows_restored = undone.digest()
            restored = undone.snapshot()
            difference = with_exchanges(compare(rows, rows_restored), known["before"], (*known["upgrade"], *statements))
            stamped = stamped_columns(undone.session(), restored, difference, start)
            fields |= {
                "restored": restored,
                "undone": difference,
                "unread": {**known["unread"], **rows_restored.unread},
                "stamped": stamped,
            }
        return fields

    def _remember_pgvector(self, schema: SchemaSnapshot) -> None:
        version = schema.objects.get(("extension", "vector"), {}).get("version")
        self.pgvector = str(version) if version else self.pgvector


def _written_tables(statements: Sequence[StatementTrace]) -> set[str]:
    return {
        table
        for statement in statements
        for table, counts in statement.rows.items()
        if counts.inserted or counts.updated
    }


def may_look_for_rows(source: str) -> bool:
    """Return whether the text of a revision suggests that it looks for rows.

    A wrong guess only costs time: the state before is then made again.
    """
    return _QUERY_WORDS.search(source) is not None
