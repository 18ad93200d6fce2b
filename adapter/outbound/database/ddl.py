"""Functions and triggers that belong to the models: SQLAlchemy creates them with `create_all`, Alembic by revisions.

Revisions carry their own copy of this SQL, frozen when they were written; the drift test compares the two.
"""

from sqlalchemy import DDL, MetaData, Table, event


def function(metadata: MetaData, sql: str) -> None:
    """Create a function before the tables, whose triggers call it.

    Args:
        metadata: The metadata whose `create_all` shall create it.
        sql: A `CREATE FUNCTION` statement.
    """
    event.listen(metadata, "before_create", DDL(literal(sql)))


def trigger(table: Table, name: str, timing: str, function_name: str) -> None:
    """Create a row trigger with its table.

    Args:
        table: The table that the trigger watches.
        name: The trigger's name; triggers of one table fire in the order of their names.
        timing: For example `BEFORE UPDATE`.
        function_name: The function that it calls, without parentheses.
    """
    event.listen(
        table,
        "after_create",
        DDL(
            literal(
                f"CREATE TRIGGER {name} {timing} ON {table.name} FOR EACH ROW EXECUTE FUNCTION public.{function_name}()"
            )
        ),
    )


def literal(sql: str) -> str:
    """Return SQL as `DDL` takes it, which applies the % operator to its text."""
    return sql.replace("%", "%%")
