"""Operations that Alembic lacks: reversible SQL, an autocommit block, a type change with USING."""

from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import ops
from alembic.util.sqla_compat import _get_constraint_final_name
from sqlalchemy import Constraint
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

from adapter.outbound.database.autogenerate.expressions import DIALECT, PREPARER, literal_text


def ddl_text(element: ExecutableDDLElement) -> str:
    """Return a DDL element as a statement for a revision."""
    return str(element.compile(dialect=DIALECT)).strip()


def constraint_text(constraint: Constraint) -> str:
    """Return a constraint as ALTER TABLE ADD takes it, without its name: `CHECK (x > 0)`."""
    sql = str(_compiler().process(constraint)).strip()
    name = _get_constraint_final_name(constraint, DIALECT)
    return sql.removeprefix(f"CONSTRAINT {PREPARER.quote(name)} ") if name else sql


def type_text(type_: TypeEngine[Any]) -> str:
    """Return a type as SQL writes it."""
    return str(DIALECT.type_compiler_instance.process(type_))


def _compiler() -> DDLCompiler:
    # The compiler needs a statement only to compile whole statements, not parts of them.
    return DIALECT.ddl_compiler(DIALECT, None)  # type: ignore[arg-type]


class SQLChange(ops.ExecuteSQLOp):
    """A statement and the statement that reverses it, both rendered as `op.execute`.

    Attributes:
        kind: The name of the difference in the output of `alembic check`.
        subject: The name of the object that the statement changes.
        upgrade_sql: The statement of the upgrade; empty for none.
        downgrade_sql: The statement of the downgrade; empty for none.
        clears_the_way: Whether the statement must run before the columns of its table change.
        also: The former name of the subject; empty for none.
    """

    def __init__(
        self,
        kind: str,
        subject: str,
        upgrade_sql: str,
        downgrade_sql: str,
        *,
        clears_the_way: bool = False,
        also: str = "",
    ) -> None:
        super().__init__(literal_text(upgrade_sql))
        self.kind = kind
        self.subject = subject
        self.upgrade_sql = upgrade_sql
        self.downgrade_sql = downgrade_sql
        self.clears_the_way = clears_the_way
        self.also = also

    def reverse(self) -> "SQLChange":
        """Return the change with its two statements swapped."""
        return SQLChange(self.kind, self.subject, self.downgrade_sql, self.upgrade_sql)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return kind, subject and statement, which `alembic check` prints."""
        return (self.kind, self.subject, self.upgrade_sql)


@renderers.dispatch_for(SQLChange)
def _render_sql(context: AutogenContext, change: SQLChange) -> list[str]:
    if not change.upgrade_sql:
        return []
    rendered = str(renderers.dispatch(ops.ExecuteSQLOp)(context, change))
    parts = str(change.sqltext).splitlines(keepends=True)
    if len(parts) == 1:
        return [rendered]
    # A function in a single line is unreadable in a review.
    return ["op.execute(", *(f"    {part!r}" for part in parts), ")"]


class AutocommitOps(ops.OpContainer):
    """Operations that Postgres refuses inside a transaction, such as CREATE INDEX CONCURRENTLY."""

    def reverse(self) -> "AutocommitOps":
        """Return the reverse of each operation, the last one first."""
        return AutocommitOps([operation.reverse() for operation in reversed(self.ops)])


@renderers.dispatch_for(AutocommitOps)
def _render_autocommit(context: AutogenContext, container: AutocommitOps) -> list[str]:
    lines = ["with op.get_context().autocommit_block():"]
    dropped: set[str] = set()
    for operation in container.ops:
        if isinstance(operation, ops.DropIndexOp):
            dropped.add(str(operation.index_name))
            operation.if_exists = True
        elif isinstance(operation, ops.CreateIndexOp) and str(operation.index_name) not in dropped:
            leftover = ops.DropIndexOp(
                str(operation.index_name),
                str(operation.table_name),
                schema=operation.schema,
                if_exists=True,
                postgresql_concurrently=True,
            )
            lines += ["# A build that was interrupted leaves an invalid index.", *render_op(context, leftover)]
        lines += render_op(context, operation)
    # Alembic's printer ends the block at an empty line.
    return [*lines, ""]


class DropDefinedIndexOp(ops.DropIndexOp):
    """The drop of an index that only the server's own definition restores.

    Attributes:
        definition: The CREATE INDEX of the downgrade.
    """

    definition: str

    def reverse(self) -> ops.MigrateOperation:  # type: ignore[override]
        """Return the statement that creates the index; a concurrent build is an operation of Alembic."""
        if self.kw.get("postgresql_concurrently"):
            return super().reverse()
        return SQLChange("add_index", str(self.index_name), self.definition, "")


class AlterColumnUsingOp(ops.AlterColumnOp):
    """A type change for which Postgres has no automatic cast; each direction has its own USING, or none."""

    using: str | None = None
    reverse_using: str | None = None

    def reverse(self) -> ops.AlterColumnOp:
        """Return the reversed change with the two casts swapped."""
        reversed_ = super().reverse()
        reversed_.__class__ = AlterColumnUsingOp
        assert isinstance(reversed_, AlterColumnUsingOp)  # noqa: S101  # for the type checker
        reversed_.using, reversed_.reverse_using = self.reverse_using, self.using
        return reversed_


@renderers.dispatch_for(AlterColumnUsingOp)
def _render_alter_column_using(context: AutogenContext, operation: AlterColumnUsingOp) -> str:
    # Alembic's renderer ignores `postgresql_using`.
    rendered = renderers.dispatch(ops.AlterColumnOp)(context, operation)
    if operation.using is None:
        return str(rendered)
    return f"{str(rendered)[:-1]},\n           postgresql_using={operation.using!r})"


def sql_literal(value: str) -> str:
    """Return a text as a literal of SQL, whatever standard_conforming_strings says."""
    quoted = value.replace("'", "''")
    return f"E'{quoted.replace(chr(92), 2 * chr(92))}'" if chr(92) in value else f"'{quoted}'"


def qualified(schema: str | None, name: str) -> str:
    """Return a quoted name, with its schema before it if there is one."""
    return f"{PREPARER.quote_schema(schema)}.{PREPARER.quote(name)}" if schema else PREPARER.quote(name)


def named(operations: Iterable[ops.MigrateOperation]) -> set[str]:
    """Return the names of the indexes and constraints that operations already drop or create."""
    names = set()
    for operation in operations:
        match operation:
            case ops.CreateIndexOp() | ops.DropIndexOp():
                names.add(str(operation.index_name))
            case ops.AddConstraintOp():
                names.add(str(operation.to_constraint().name))
            case ops.DropConstraintOp():
                names.add(str(operation.constraint_name))
            case SQLChange():
                names |= {operation.subject, operation.also}
            case _:
                pass
    return names
