"""SQL expressions in a revision, letter by letter as the models have them.

Alembic writes an expression as the connection's driver wants it: over psycopg percent signs come out doubled. And what
it writes into `text()` is read again at run time, where `[[:upper:]]` would be a bound parameter.
"""

import re
from typing import Any

from alembic.ddl import postgresql
from sqlalchemy import ClauseElement, ColumnClause, TextClause
from sqlalchemy.dialects.postgresql.base import PGDialect

# What sqlalchemy.text() would take for a bound parameter, or for an escaped colon.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)|\\:")
# What sqlalchemy.text() takes for an escaped colon.
_ESCAPED = re.compile(r"\\(:[\w$]*)(?![:\w$])")

# With another paramstyle percent signs come out doubled.
_dialect_class: Any = PGDialect
DIALECT: PGDialect = _dialect_class(paramstyle="named")


def literal_text(sql: str) -> str:
    """Escape the colons that `text()`, and so `op.execute`, would read as bound parameters."""
    return sql.replace(":", r"\:") if _BIND.search(sql) else sql


def plain_text(clause: TextClause) -> str:
    """Return the SQL that a `text()` stands for."""
    return _ESCAPED.sub(r"\1", clause.text)


def has_values(clause: TextClause) -> bool:
    """Return whether a `text()` was given values for its parameters; without them they are colons of SQL."""
    return any(parameter.value is not None for parameter in clause._bindparams.values())  # noqa: SLF001


class PostgresqlImpl(postgresql.PostgresqlImpl):
    """Alembic's implementation for Postgres, but for how expressions are written; it takes that one's place."""

    __dialect__ = "postgresql"

    def render_ddl_sql_expr(
        self,
        expr: ClauseElement,
        is_server_default: bool = False,  # noqa: ARG002  # Alembic's signature
        is_index: bool = False,
        **_: Any,
    ) -> str:
        """Write an expression for `text()`, or for `literal_column()` in an index, which escapes nothing."""
        if isinstance(expr, TextClause) and not has_values(expr):
            return self._for(plain_text(expr), is_index)
        if is_index and not isinstance(expr, ColumnClause):
            expr = expr.self_group()
        compiled = expr.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True, "include_table": False})
        return self._for(str(compiled), is_index)

    @staticmethod
    def _for(sql: str, is_index: bool) -> str:
        return sql if is_index else literal_text(sql)
