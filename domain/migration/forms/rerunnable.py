"""Statements that commit on their own, as operations that can run again after an interruption."""

import re

from domain.migration.forms.made_names import with_suffix
from domain.migration.names import split
from domain.migration.op_code import execute, executed_again

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_BUILD = re.compile(
    rf"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+ON\s+(?:ONLY\s+)?"
    rf"(?P<table>{_NAME}(?:\.{_NAME})?)",
    re.IGNORECASE,
)
_REINDEX = re.compile(rf"\s*REINDEX\s+INDEX\s+CONCURRENTLY\s+(?P<name>{_NAME}(?:\.{_NAME})?)", re.IGNORECASE)
_IF_NOT_EXISTS = re.compile(r"(INDEX\s+CONCURRENTLY\s+)IF\s+NOT\s+EXISTS\s+", re.IGNORECASE)
_ADDITION = re.compile(
    rf"^(\s*ALTER\s+(?:TABLE\s+(?:ONLY\s+)?{_NAME}(?:\.{_NAME})?\s+ADD\s+COLUMN"
    rf"|TYPE\s+{_NAME}(?:\.{_NAME})?\s+ADD\s+VALUE)\s+)(?!IF\s)",
    re.IGNORECASE,
)


def rerunnable(sql: str) -> tuple[str, ...]:
    """Return the operations of a statement, preceded by those that drop what an interrupted concurrent build leaves.

    A column or a value of an enum is added only if it does not exist. A statement with parameters is left to a person.
    """
    build = _BUILD.match(sql)
    if build:
        # An index is always in the schema of its table.
        schema = split(build["table"])[0]
        name = f"{schema}.{build['name']}" if schema else build["name"]
        return drop_index(name), execute(_IF_NOT_EXISTS.sub(r"\1", sql, count=1))
    reindex = _REINDEX.match(sql)
    if reindex:
        drops = (drop_index(with_suffix(reindex["name"], suffix)) for suffix in ("_ccnew", "_ccold"))
        return *drops, execute(sql)
    return (executed_again(_ADDITION.sub(r"\1IF NOT EXISTS ", sql, count=1)),)


def drop_index(name: str) -> str:
    """Return an operation that drops an index concurrently, if it exists."""
    return execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
