"""Names of database objects: qualified and quoted as SQL needs them, and split into parts."""

import re
from functools import lru_cache

from domain.migration.op_code import quoted


@lru_cache(maxsize=10_000)
def split(name: str) -> tuple[str, str]:
    """Return the container and the own name of an object, such as `public.users` and `email`."""
    parts = _PART.findall(name)
    return ".".join(parts[:-1]), parts[-1] if parts else name


def parts(name: str) -> list[str]:
    """Return all parts of a qualified name, with their quotes."""
    return _PART.findall(name)


def folded(name: str) -> str:
    """Return the last part of a name in SQL as Postgres reads it: in lower case if it has no quotes."""
    own = split(name)[1]
    return bare(own) if own.startswith('"') else own.lower()


def bare(name: str) -> str:
    """Return the last part of a qualified name without its quotes, as Alembic operations expect it."""
    own = split(name)[1]
    return own[1:-1].replace('""', '"') if own.startswith('"') else own


def mention(name: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Return a pattern that finds the last part of a qualified name in a text, as a word of its own.

    In SQL, a quote within a name is doubled.
    """
    return re.compile(rf"(?<!\w){escaped(name)}(?!\w)", flags)


def escaped(name: str) -> str:
    """Return the last part of a qualified name as a part of a pattern, as SQL has it or without quotes."""
    return re.escape(bare(name)).replace('"', '""?')


def schema_argument(table: str) -> str:
    """Return the `schema` argument of an Alembic operation; empty for `public`."""
    schema = bare(split(table)[0])
    return "" if schema in {"", "public"} else f", schema={quoted(schema)}"


_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
