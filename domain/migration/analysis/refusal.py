"""Downgrades that refuse on purpose, as opposed to those that fail by accident."""

import ast
import re

from domain.migration.trace import RevisionTrace


def refuses(trace: RevisionTrace) -> bool:
    """Return whether the downgrade refuses with a message, or with any exception where the revision is irreversible.

    A failed statement is no refusal, unless it raised a message of the author (SQLSTATE P0001). An accident in Python,
    such as a NameError, is no refusal either, unless a `raise` in the revision caused it. Nor is the error of a
    library, which could not read a value. In a revision that declares that there is no way back, the reason is the
    message.
    """
    if trace.downgrade_error is None:
        return False
    failed = [statement for statement in trace.downgrade or () if statement.error is not None]
    if failed:
        return all(statement.sqlstate == "P0001" for statement in failed)
    if trace.irreversible:
        return True
    message = _PLACE.sub("", trace.downgrade_error.strip())
    name, _, rest = message.partition(":")
    type_name = trace.downgrade_error_type or name
    has_message = (
        message not in {"", type_name} if trace.downgrade_error_type else bool(rest.strip() or not _is_name(name))
    )
    if trace.downgrade_raised is False and type_name != "NotImplementedError":
        return False
    accident = type_name in _ACCIDENTS or _ACCIDENT.search(message) is not None
    return has_message and (raises(trace.source, trace.downgrade_error, trace.path) or not accident)


def _is_name(text: str) -> bool:
    return _EXCEPTION.fullmatch(text) is not None


def raises(source: str, error: str, path: str) -> bool:
    """Return whether the line that an error names is a `raise` or `assert` of the revision.

    Args:
        source: Text of the revision's file.
        error: The error, with the name and the line of a file at its end.
        path: Path of the revision's file; a line of another file is none of the revision.
    """
    place = _PLACE.search(error.strip())
    if place is None or place["file"] != re.split(r"[/\\]", path)[-1]:
        return False
    line = int(place["line"])
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.Raise | ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in nodes
    )


_EXCEPTION = re.compile(r"[\w.]*")


_PLACE = re.compile(r"\s*\((?P<file>[^()]*), line (?P<line>\d+)\)$")


# Messages of mistakes by Python, SQLAlchemy and Alembic, for errors without the name of the exception.
_ACCIDENT = re.compile(
    r"name '\w+' is not defined|has no attribute '|object is not |required positional argument|"
    r"unexpected keyword argument|unsupported operand|No module named|cannot import name|it has no name"
)


_ACCIDENTS = frozenset({
    "ArgumentError",
    "AssertionError",
    "AttributeError",
    "CommandError",
    "CompileError",
    "ImportError",
    "IndexError",
    "KeyError",
    "ModuleNotFoundError",
    "NameError",
    "SyntaxError",
    "TypeError",
    "UnboundLocalError",
    "ValueError",
    "ZeroDivisionError",
})  # fmt: skip
