"""Alembic code for suggested fixes: operations, autocommit blocks, and the functions of a revision."""

import json
import re

# The patterns of SQLAlchemy's `text()`: a parameter, and an escaped colon.
_PARAMETER = re.compile(r"(?<![:\w\\])(:[\w$]+)(?![:\w$])")
_ESCAPED = re.compile(r"\\(?=:\w*(?![:\w]))")

# What drivers put in the place of a parameter.
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%s(?!\w)|\$\d")

# Postgres shows `x IN ('a', 'b')` in this form if x is a varchar. When it parses the form again, it moves the cast to
# the elements, and the definition changes. A cast to the array's own type in between prevents that (parse_expr.c,
# transformTypeCast).
_ITEM = r"'(?:[^']|'')*'::[a-z ]+"
_ARRAY = re.compile(rf"\(ARRAY\[('(?:[^']|'')*'::(?P<type>[a-z ]+)(?:, {_ITEM})*)\]\)::(?=[a-z ]+\[\])")

DOWNGRADE = "def downgrade() -> None:"


def quoted(text: str) -> str:
    """Return a text as a Python literal, in the quotes that need fewer backslashes."""
    literal = json.dumps(text, ensure_ascii=False)
    if '"' in text and "'" not in text:
        return "'" + literal[1:-1].replace('\\"', '"') + "'"
    return literal


def sql_text(sql: str) -> str:
    """Return SQL as a Python literal that `text()` of SQLAlchemy, and so `op.execute`, passes on unchanged."""
    return quoted(_escaped(sql))


def execute(sql: str) -> str:
    """Return an `op.execute` call for a statement.

    A text with several lines becomes several literals, so that the call can be indented. A definition from the catalog
    is the same in the catalog after the call.
    """
    sql = _ARRAY.sub(r"(ARRAY[\1]::\g<type>[])::", sql)
    parts = _escaped(sql).splitlines(keepends=True)
    if len(parts) <= 1:
        return f"op.execute({sql_text(sql)})"
    return "\n".join(["op.execute(", *(f"    {quoted(part)}" for part in parts), ")"])


def executed_again(sql: str) -> str:
    """Return an operation for a statement of a revision; one whose parameters nobody knows stays as it is there."""
    return "...  # the statement as it is" if _PLACEHOLDER.search(sql) else execute(sql)


def _escaped(sql: str) -> str:
    """Return SQL with a backslash before each colon that `text()` would take for a parameter.

    `text()` removes a backslash before a colon, so an existing one is doubled. Percent signs stay, because SQLAlchemy
    escapes them for its driver.
    """
    return _PARAMETER.sub(r"\\\1", _ESCAPED.sub(r"\\\\", sql))


def lines(*steps: str) -> str:
    """Return steps in one text, each with its newline."""
    return "".join(step if step.endswith("\n") else f"{step}\n" for step in steps)


def indented(text: str) -> str:
    """Return lines indented by one level; empty lines stay empty."""
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def in_autocommit(*steps: str) -> str:
    """Return steps in an autocommit block of Alembic."""
    return "with op.get_context().autocommit_block():\n" + indented(lines(*steps))


def downgrade(*steps: str) -> str:
    """Return a `downgrade` function with these steps."""
    return f"{DOWNGRADE}\n" + indented(lines(*steps))


def revised(upgrade: str, *undo: str) -> str:
    """Return replacement steps for the upgrade, and the `downgrade` function that undoes them."""
    return f"{upgrade}\n\n{downgrade(*undo)}"
