"""Functions and triggers of the models, which SQLAlchemy creates with `create_all` and Alembic by revisions.

Revisions contain their own copy of this SQL, frozen when they were written. The drift test compares the two.
"""

from sqlalchemy import DDL, MetaData, Table, event


def function(metadata: MetaData, sql: str) -> None:
    """Register a function that `create_all` creates before the tables, because their triggers call it.

    Args:
        metadata: The metadata whose `create_all` creates the function.
        sql: A `CREATE FUNCTION` statement.
    """
    event.listen(metadata, "before_create", DDL(literal(sql)))


def trigger(table: Table, name: str, timing: str, function_name: str) -> None:
    """Register a row trigger that is created with its table.

    Args:
        table: The table of the trigger.
        name: The trigger's name; triggers of one table fire in the order of their names.
        timing: When the trigger fires: `BEFORE UPDATE`.
        function_name: The name of the function in schema public that the trigger calls, without parentheses.
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
    """Return SQL with doubled percent signs, because `DDL` applies the % operator to its text."""
    return sql.replace("%", "%%")
