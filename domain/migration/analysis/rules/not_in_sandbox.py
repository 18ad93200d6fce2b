"""The revision needs something that the sandbox does not provide, so it was not judged.

The sandbox opens no connections to the outside: a subscription, dblink and foreign tables reach no other server. The
settings of its server are shared by all projects. A role that a URL names may act in the sandbox's own databases only.
The embedded Postgres 18 has the extensions of Postgres itself and pgvector, the embedded Postgres 16 has pgvector only.
For any other, name a server that has it: `--sandbox-url`. The statements after the refused one did not run, so their
locks are not known. For a subscription, the safe way is to create it without a connection, and to start it later:

    op.execute("CREATE SUBSCRIPTION feed CONNECTION '…' PUBLICATION p WITH (connect = false)")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures, is_not_installed
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "not-in-sandbox"
SEVERITY = Severity.ERROR

_SUBSCRIPTION = "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p"
_DROP = 'op.execute("DROP SUBSCRIPTION feed")'
BAD = Example(USERS, f'op.execute("{_SUBSCRIPTION} WITH (create_slot = false)")', _DROP)
GOOD = Example(USERS, f'op.execute("{_SUBSCRIPTION} WITH (connect = false, slot_name = NONE)")', _DROP)

_TRY = "Try the revision on a copy of the database, and then write into it:"
_SUBSCRIBES = re.compile(r"\bSUBSCRIPTION\b", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that failed because the sandbox refuses them."""
    for index, statement in failures(trace, Failure.SANDBOX):
        reason, advice = _explained(statement)
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} was not judged: {reason}. The server reports: {statement.error}",
            advice,
        )


def _explained(statement: StatementTrace) -> tuple[str, str]:
    """Return why the sandbox refused a statement, and what to do about it."""
    state = statement.sqlstate or ""
    if state.startswith("08") and _SUBSCRIBES.search(statement.sql):
        return "a subscription cannot connect from the sandbox", "Create it WITH (connect = false), and start it later."
    if state.startswith("08"):
        return "it connects to another server", f"{_TRY} {_accepted()}."
    if state == "42501":
        return (
            "its role may do nothing beyond the sandbox's own databases",
            "Leave out --sandbox-url: in the embedded sandbox, a revision runs as a superuser.",
        )
    if is_not_installed(state, statement.error or ""):
        return "the sandbox's server does not have the extension", "Name a server that has it: --sandbox-url."
    if state == "0A000":
        return (
            "it changes a setting of the whole server, which is not part of a database",
            "Change the setting for the database or the role: ALTER DATABASE … SET.",
        )
    return "a foreign table has no rows in the sandbox", f"{_TRY} {_accepted()}."


def _accepted() -> str:
    return f'safety_assured = {{"{CODE}": "why"}}'
