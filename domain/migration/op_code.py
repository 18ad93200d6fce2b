"""Alembic code that is proposed: calls of `op`, blocks that commit, and the functions of a revision."""

import json
import re

# SQLAlchemy's own patterns: what `text()` takes for a parameter, and for a colon that is none.
_PARAMETER = re.compile(r"(?<![:\w\\])(:[\w$]+)(?![:\w$])")
_ESCAPED = re.compile(r"\\(?=:\w*(?![:\w]))")

# What Postgres writes for `x IN ('a', 'b')` where x is a varchar. Read again, the cast goes to the elements, and the
# definition is another text; with the array's own type in between it stays as it is (parse_expr.c, transformTypeCast).
_ITEM = r"'(?:[^']|'')*'::[a-z ]+"
_ARRAY = re.compile(rf"\(ARRAY\[('(?:[^']|'')*'::(?P<type>[a-z ]+)(?:, {_ITEM})*)\]\)::(?=[a-z ]+\[\])")

DOWNGRADE = "def downgrade() -> None:"


def quoted(text: str) -> str:
    """Write a text as a literal of Python, in the quotes that need fewer backslashes."""
    literal = json.dumps(text, ensure_ascii=False)
    if '"' in text and "'" not in text:
        return "'" + literal[1:-1].replace('\\"', '"') + "'"
    return literal


def sql_text(sql: str) -> str:
    """Write SQL as a literal that `text()` of SQLAlchemy, and so `op.execute`, hands on as it is."""
    return quoted(_escaped(sql))


def execute(sql: str) -> str:
    """Write a statement as a call; a text of several lines as several literals, so that it can be indented.

    A definition of the catalog comes out of it as it is.
    """
    sql = _ARRAY.sub(r"(ARRAY[\1]::\g<type>[])::", sql)
    parts = _escaped(sql).splitlines(keepends=True)
    if len(parts) <= 1:
        return f"op.execute({sql_text(sql)})"
    return "\n".join(["op.execute(", *(f"    {quoted(part)}" for part in parts), ")"])


def _escaped(sql: str) -> str:
    """Write a backslash before a colon that would be a parameter; one that stood there is taken away, so it is doubled.

    Nothing else is touched: SQLAlchemy writes percent signs as its driver wants them.
    """
    return _PARAMETER.sub(r"\\\1", _ESCAPED.sub(r"\\\\", sql))


def lines(*steps: str) -> str:
    """Put steps one below the other, each with its newline."""
    return "".join(step if step.endswith("\n") else f"{step}\n" for step in steps)


def indented(text: str) -> str:
    """Move lines to the right by one level; the empty ones stay empty."""
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def in_autocommit(*steps: str) -> str:
    """Put steps into an autocommit block of Alembic's."""
    return "with op.get_context().autocommit_block():\n" + indented(lines(*steps))


def downgrade(*steps: str) -> str:
    """Write the function that undoes."""
    return f"{DOWNGRADE}\n" + indented(lines(*steps))


def revised(upgrade: str, *undo: str) -> str:
    """Write what stands in the upgrade instead of some statements, and the downgrade that undoes it."""
    return f"{upgrade}\n\n{downgrade(*undo)}"
