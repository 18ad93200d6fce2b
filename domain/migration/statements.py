"""The file of recorded statements of an application: `migrate record` writes it, `migrate verify` tries the statements.

{"schema": "hexalembic.statements/1",
 "statements": [{"parameters": ["ana@example.org"], "sql": "SELECT id FROM users WHERE email = $1",
                 "table": "public.users"}]}
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from domain.migration.compatibility import ApplicationStatement
from domain.migration.errors import MigrationError

SCHEMA = "hexalembic.statements/1"
_HINT = "write it with: migrate record -- COMMAND"


class StatementsError(MigrationError):
    """A file of statements that cannot be read."""

    exit_code = 2


def to_json(statements: Iterable[ApplicationStatement]) -> str:
    """Return statements as JSON, sorted by table and text, one value a line, so that two files can be compared."""
    members = [
        {"sql": statement.sql, "table": statement.table, "parameters": list(statement.parameters)}
        for statement in sorted(statements, key=lambda statement: (statement.table, statement.sql))
    ]
    text = json.dumps({"schema": SCHEMA, "statements": members}, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def from_json(text: str) -> tuple[ApplicationStatement, ...]:
    """Return the statements that `to_json` wrote.

    Raises:
        StatementsError: The text is not JSON, or not of this schema.
    """
    try:
        stored = json.loads(text)
        if stored["schema"] != SCHEMA:
            raise StatementsError(f"the statements are of schema {stored['schema']!r}, not {SCHEMA!r}", _HINT)
        return tuple(map(_statement, stored["statements"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StatementsError(f"the statements cannot be read: {type(error).__name__}: {error}", _HINT) from error


def _statement(values: dict[str, Any]) -> ApplicationStatement:
    sql, table, parameters = values["sql"], values["table"], values["parameters"]
    if not all(isinstance(text, str) for text in (sql, table)) or not isinstance(parameters, list):
        raise TypeError("a statement needs sql, table and parameters")
    if not all(value is None or isinstance(value, str) for value in parameters):
        raise TypeError(f"the parameters of {sql!r} are not texts or null")
    return ApplicationStatement(sql, table, tuple(parameters), recorded=True)


def distinct(statements: Iterable[ApplicationStatement]) -> tuple[ApplicationStatement, ...]:
    """Return one statement of each form, the shortest.

    Two statements have the same form if they differ only in the number of rows of an INSERT or values of an IN.
    """
    by_form: dict[str, ApplicationStatement] = {}
    for statement in sorted(
        statements, key=lambda statement: (len(statement.parameters), statement.sql, str(statement.parameters))
    ):
        by_form.setdefault(_form(statement.sql), statement)
    return tuple(by_form.values())


def _form(sql: str) -> str:
    text = re.sub(r"\$\d+", "$", " ".join(sql.split()))
    text = re.sub(r"\((\$[^,()]*)(?:, ?\$[^,()]*)+\)", r"(\1)", text)
    return re.sub(r"(\([^()]*\))(?:, ?\([^()]*\))+", r"\1", text)


def is_of_application(sql: str) -> bool:
    """Return whether a statement reads or writes tables of the application, and not the catalog or settings."""
    text = _COMMENT.sub(" ", sql).strip()
    if not _DML.match(text) or _CATALOG.search(text):
        return False
    return not (text[:6].upper() == "SELECT" and not re.search(r"\bFROM\b", text, re.IGNORECASE))


_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_DML = re.compile(r"\(*\s*(select|insert|update|delete|with|values|merge)\b", re.IGNORECASE)
_CATALOG = re.compile(
    r"\b(?:pg_catalog\.|information_schema\.)|\b(?:from|join|into|update)\s+(?:pg_\w+|alembic_version\b)", re.IGNORECASE
)


def table_of(sql: str) -> str:
    """Return the first table that a statement writes, or else the first table that it reads; empty if there is none."""
    match = _WRITTEN.search(_COMMENT.sub(" ", sql)) or _READ.search(_COMMENT.sub(" ", sql))
    if match is None:
        return ""
    name = ".".join(re.findall(_IDENTIFIER, match.group("name")))
    return name if _QUALIFIED.fullmatch(name) else f"public.{name}"


_IDENTIFIER = r'(?:"(?:[^"]|"")+"|[a-zA-Z_][\w$]*)'
_TABLE = rf"(?:ONLY\s+)?(?P<name>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)(?!\s*[.(\w]*\()"
_WRITTEN = re.compile(
    rf"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+(?:ONLY\s+)?"
    rf"(?P<name>{_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})?)",
    re.IGNORECASE,
)
_READ = re.compile(rf"\bFROM\s+{_TABLE}", re.IGNORECASE)
_QUALIFIED = re.compile(rf"{_IDENTIFIER}\.{_IDENTIFIER}")
