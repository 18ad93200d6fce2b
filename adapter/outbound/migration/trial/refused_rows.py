"""Whether rows are to blame for a failure, and which."""

import re

from adapter.outbound.migration.project.results import AgentError


def refused_rows(error: AgentError) -> str:
    """Return why a revision failed when that may be because of the rows; empty when it was for another reason."""
    may_be = error.kind == "exception" if error.sqlstate is None else error.sqlstate[:2] in _OF_ROWS | MAYBE_OF_ROWS
    return error.message if may_be else ""


def unreadable(message: str) -> str:
    """Name the type as which a text could not be read; empty when it was something else."""
    found = _SYNTAX.match(message)
    return found[1] if found else "json" if message.startswith(("Expecting", "Extra data", "Invalid control")) else ""


# What a revision raises by itself, mostly because of rows that it does not want, and what is wrong whatever they are.
BELIEVED = {
    "",
    *("AssertionError", "CommandError", "Exception", "RuntimeError", "SystemExit", "ValueError"),
    *("AttributeError", "ImportError", "ModuleNotFoundError", "NameError", "TypeError", "UnboundLocalError"),
}


# Classes of errors that rows cause: cardinality violation, data exception, integrity constraint violation.
_OF_ROWS = {"21", "22", "23"}
MAYBE_OF_ROWS = {"54", "P0"}  # limits, such as the size of an index's row, and what PL/pgSQL raises
_SYNTAX = re.compile(r"invalid input syntax for type ([a-z ]+)")
