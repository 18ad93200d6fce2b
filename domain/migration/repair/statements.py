"""Statements that drop objects, set comments and set options."""

from collections.abc import Iterator

from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted
from domain.migration.repair import definitions
from domain.migration.repair.definitions import Attributes, literal, options, texts
from domain.migration.snapshot import ObjectKey, Value


def option_changes(expected: Value, actual: Value, prefix: str) -> Iterator[str]:
    """Return the SET and RESET clauses that lead from the actual options to the expected ones.

    Args:
        expected: Expected options, such as `fillfactor=70`.
        actual: Actual options.
        prefix: Prefix of the names in the clauses, such as `toast.`.
    """
    missing = [option for option in texts(expected) if option not in texts(actual)]
    expected_names = {option.partition("=")[0] for option in texts(expected)}
    unexpected_names = [name for option in texts(actual) if (name := option.partition("=")[0]) not in expected_names]
    if missing:
        yield f"SET ({options(tuple(prefix + option for option in missing))})"
    if unexpected_names:
        yield f"RESET ({', '.join(prefix + name for name in unexpected_names)})"


def own_name(name: str) -> str:
    """Return the last part of a qualified name as a Python literal."""
    return quoted(bare(name))


def drop_statement(kind: str, name: str, attributes: Attributes) -> str:
    """Return the operation that drops an object."""
    table = split(name)[0]
    if kind == "table" and attributes.get("kind") != "foreign table":
        return f"op.drop_table({own_name(name)}{schema_argument(name)})"
    if kind == "column":
        return f"op.drop_column({own_name(table)}, {own_name(name)}{schema_argument(table)})"
    if kind == "constraint":
        return f"op.drop_constraint(op.f({own_name(name)}), {own_name(table)}{schema_argument(table)})"
    if kind == "index":
        table_name = own_name(str(attributes["table"]))
        return f"op.drop_index(op.f({own_name(name)}), table_name={table_name}{schema_argument(name)})"
    sql = f"DROP {definitions.reference(kind, name, attributes)}"
    if kind in {"publication table", "publication schema"}:
        publication, _, member = name.partition(".")
        sql = f"ALTER PUBLICATION {publication} DROP {_PUBLISHED[kind]} {member}"
    elif kind == "user mapping":
        server, _, role = name.partition(" for ")
        sql = f"DROP USER MAPPING FOR {role} SERVER {server}"
    return execute(sql)


_PUBLISHED = {"publication table": "TABLE", "publication schema": "TABLES IN SCHEMA"}


def comment_statement(key: ObjectKey, attributes: Attributes) -> str:
    """Return the operation that sets the comment of an object, or removes it."""
    comment = attributes.get("comment")
    text = "NULL" if comment is None else literal(comment)
    subject = f"DATABASE {THIS_DATABASE}" if key[0] == "database" else definitions.reference(*key, attributes)
    return execute(in_its_place(key[0], f"COMMENT ON {subject} IS {text}"))


THIS_DATABASE = "{database}"
"""What stands for the name of the connected database in a statement for `in_its_place`."""


def in_its_place(kind: str, statement: str) -> str:
    """Return a statement as it is; one about the database itself with the name that the database has where it runs."""
    if kind != "database":
        return statement
    template = literal(statement.replace("%", "%%").replace(THIS_DATABASE, "%I"))
    return f"DO $$ BEGIN EXECUTE format({template}, current_database()); END $$"
