"""Whether the rows in the sandbox may be the cause of a failed upgrade."""

import re

from adapter.outbound.migration.project.results import AgentError


def refused_rows(error: AgentError) -> str:
    """Return the message of an error that rows may have caused; empty when the cause is another one."""
    may_be_of_rows = (
        error.kind == "exception" if error.sqlstate is None else error.sqlstate[:2] in _OF_ROWS | MAYBE_OF_ROWS
    )
    return error.message if may_be_of_rows else ""


def unreadable(message: str) -> str:
    """Return the type for which a text was invalid input, by the message of an error; empty for any other error."""
    match = _INVALID_INPUT.match(message)
    return match[1] if match else "json" if message.startswith(("Expecting", "Extra data", "Invalid control")) else ""


# Exceptions for which other rows are not the answer: those that authors raise, mostly to reject rows on purpose, and
# mistakes in the code, which fail on any rows.
BELIEVED = {
    "",
    *("AssertionError", "CommandError", "Exception", "RuntimeError", "SystemExit", "ValueError"),
    *("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError", "UnboundLocalError"),
}


# Classes of errors that rows cause: cardinality violation, data exception, integrity constraint violation.
_OF_ROWS = {"21", "22", "23"}
MAYBE_OF_ROWS = {"54", "P0"}  # program limits, such as the size of an index row, and errors raised by PL/pgSQL
_INVALID_INPUT = re.compile(r"invalid input syntax for type ([a-z ]+)")
