"""SQL expressions in a revision, exactly as the models have them.

Alembic writes an expression for the connection's driver: with psycopg, percent signs are doubled. What it writes into
`text()` is parsed again at run time, where `[[:upper:]]` would become a bound parameter.
"""

import re
from typing import Any

from alembic.ddl import postgresql
from sqlalchemy import ClauseElement, ColumnClause, TextClause
from sqlalchemy.dialects.postgresql.base import PGDialect

# Matches what sqlalchemy.text() reads as a bound parameter or as an escaped colon.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)|\\:")
# Matches what sqlalchemy.text() reads as an escaped colon.
_ESCAPED = re.compile(r"\\(:[\w$]*)(?![:\w$])")

# Other paramstyles double percent signs.
_dialect_class: Any = PGDialect
DIALECT: PGDialect = _dialect_class(paramstyle="named")
# Quotes names for SQL that is sent as text, or as a parameter to `to_regclass`.
PREPARER = DIALECT.identifier_preparer


def literal_text(sql: str) -> str:
    """Return SQL in which the colons are escaped that `text()` and `op.execute` would read as bound parameters."""
    return sql.replace(":", r"\:") if _BIND.search(sql) else sql


def plain_text(clause: TextClause) -> str:
    """Return the SQL that a `text()` sends to the server."""
    return _ESCAPED.sub(r"\1", clause.text)


def has_values(clause: TextClause) -> bool:
    """Return whether the parameters of a `text()` have values; without values they are colons of SQL."""
    return any(parameter.value is not None for parameter in clause._bindparams.values())  # noqa: SLF001


class PostgresqlImpl(postgresql.PostgresqlImpl):
    """Alembic's implementation for Postgres with another rendering of expressions; it replaces the original."""

    __dialect__ = "postgresql"

    def render_ddl_sql_expr(
        self,
        expr: ClauseElement,
        is_server_default: bool = False,  # noqa: ARG002  # Alembic's signature
        is_index: bool = False,
        **_: Any,
    ) -> str:
        """Return an expression as text for `text()`, or for `literal_column()` in an index, which needs no escapes."""
        if isinstance(expr, TextClause) and not has_values(expr):
            return self._escaped(plain_text(expr), is_index)
        if is_index and not isinstance(expr, ColumnClause):
            expr = expr.self_group()
        compiled = expr.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True, "include_table": False})
        return self._escaped(str(compiled), is_index)

    @staticmethod
    def _escaped(sql: str, is_index: bool) -> str:
        return sql if is_index else literal_text(sql)
