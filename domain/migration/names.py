"""Names of database objects: qualified and quoted as SQL needs them, and cut into parts."""

import re
from functools import lru_cache

from domain.migration.op_code import quoted


@lru_cache(maxsize=10_000)
def split(name: str) -> tuple[str, str]:
    """Cut a qualified name into what contains the object and its own name: `public.users`, `email`."""
    parts = _PART.findall(name)
    return ".".join(parts[:-1]), parts[-1] if parts else name


def bare(name: str) -> str:
    """Return the last part of a qualified name without its quotes, as Alembic's operations want it."""
    own = split(name)[1]
    return own[1:-1].replace('""', '"') if own.startswith('"') else own


def suffixed(name: str, suffix: str) -> str:
    """Append to the last part of a name, within its quotes."""
    own = split(name)[1]
    return f'{own[:-1]}{suffix}"' if own.endswith('"') else f"{own}{suffix}"


def schema_argument(table: str) -> str:
    """Write the `schema` argument of an Alembic operation; nothing for `public`."""
    schema = bare(split(table)[0])
    return "" if schema in {"", "public"} else f", schema={quoted(schema)}"


_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
