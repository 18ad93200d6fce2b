"""The causes of statements that failed; one rule explains each."""

import re
from collections.abc import Iterator
from enum import Enum, auto

from domain.migration.trace import RevisionTrace, StatementTrace


class Failure(Enum):
    """The cause of a failed statement of the upgrade; one rule explains each."""

    ROWS = auto()
    ENUM_VALUE = auto()
    EXTENSION = auto()
    DIMENSIONS = auto()
    SANDBOX = auto()
    OTHER = auto()


def failures(trace: RevisionTrace, kind: Failure) -> Iterator[tuple[int, StatementTrace]]:
    """Return the statements that failed for one cause; none if the revision caught the error."""
    if trace.after is not None and not trace.went_on:
        return
    for index, statement in enumerate(trace.upgrade):
        if statement.error is not None and _failure(statement, of_rows=bool(trace.rows_error)) is kind:
            yield index, statement


def _failure(statement: StatementTrace, *, of_rows: bool) -> Failure:
    state, message = statement.sqlstate or "", statement.error or ""
    if state == "55P04":
        return Failure.ENUM_VALUE
    if state == "42501" and re.search(r"\bEXTENSION\b", statement.sql, re.IGNORECASE):
        return Failure.EXTENSION
    if re.search(r"cannot have more than \d+ dimensions|column does not have dimensions", message):
        return Failure.DIMENSIONS
    if state in _UNREACHABLE or (state in _REFUSED and re.match(_REFUSED[state], message)):
        return Failure.SANDBOX
    if state[:2] in {"54", "P0"}:
        return Failure.ROWS if of_rows else Failure.OTHER
    return Failure.ROWS if state[:2] in {"21", "22", "23"} and state != _PARAMETER else Failure.OTHER


# SQLSTATEs of a server that cannot connect to another server; a lost connection of the driver has other codes.
_UNREACHABLE = frozenset({"08001", "08006"})


# What the server says of an extension without files, and of a function that the sandbox's own files have only in name.
_NOT_INSTALLED = r'extension ".*" is not available|function \w+ of pgcrypto is not available'


def is_not_installed(sqlstate: str | None, message: str) -> bool:
    """Return whether an error means that the server lacks an extension, so that another server may have it."""
    return sqlstate == "0A000" and re.match(_NOT_INSTALLED, message) is not None


# Errors of what only the sandbox refuses: settings of the server, extensions, privileges of the role, foreign tables.
_REFUSED = {
    "0A000": rf"ALTER SYSTEM is not allowed|{_NOT_INSTALLED}",
    "42501": "permission denied to |must be superuser",
    "55000": "access to non-system foreign table is restricted|foreign-data wrapper .* has no handler",
}


_PARAMETER = "22023"  # invalid_parameter_value: an invalid option, whatever the rows are
