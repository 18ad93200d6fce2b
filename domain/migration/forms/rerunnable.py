"""Statements that commit on their own, as operations that can run again after an interruption."""

import re
from collections.abc import Collection, Iterable
from itertools import chain, count

from domain.migration.forms.made_names import with_suffix
from domain.migration.names import bare, split
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


def rerunnable(sql: str, taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return the operations of a statement, preceded by those that drop what an interrupted concurrent build leaves.

    A column or a value of an enum is added only if it does not exist. A statement with parameters is left to a person.

    Args:
        sql: The statement.
        taken: Names of other relations in the schema, without quotes. Postgres gives the index that it builds a name
            that no other relation has.
    """
    build = _BUILD.match(sql)
    if build:
        # An index is always in the schema of its table.
        schema = split(build["table"])[0]
        name = f"{schema}.{build['name']}" if schema else build["name"]
        return drop_index(name), execute(_IF_NOT_EXISTS.sub(r"\1", sql, count=1))
    reindex = _REINDEX.match(sql)
    if reindex:
        return *(drop_index(_leftover(reindex["name"], suffix, taken)) for suffix in ("_ccnew", "_ccold")), execute(sql)
    return (executed_again(_ADDITION.sub(r"\1IF NOT EXISTS ", sql, count=1)),)


def with_settings(settings: Collection[str], operations: Iterable[str]) -> tuple[str, ...]:
    """Return operations with settings of the session around them, such as `lock_timeout = '2s'`."""
    names = [setting.split()[0] for setting in settings]
    return (
        *(execute(f"SET {setting}") for setting in settings),
        *operations,
        *(execute(f"RESET {name}") for name in names),
    )


def _leftover(index: str, suffix: str, taken: Collection[str]) -> str:
    """Return the name that Postgres gives to the index it builds in the place of another one."""
    names = (with_suffix(index, f"{suffix}{number}") for number in chain([""], count(1)))
    return next(name for name in names if bare(name) not in taken)


def drop_index(name: str) -> str:
    """Return an operation that drops an index concurrently, if it exists."""
    return execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
