"""Statements that drop, comment and set options."""

from collections.abc import Iterator

from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted
from domain.migration.repair import definitions
from domain.migration.repair.definitions import Attributes, literal, options, texts
from domain.migration.snapshot import ObjectKey, Value


def option_changes(expected: Value, actual: Value, prefix: str) -> Iterator[str]:
    """Return SET and RESET for options."""
    wanted = [one for one in texts(expected) if one not in texts(actual)]
    kept = {one.partition("=")[0] for one in texts(expected)}
    gone = [name for one in texts(actual) if (name := one.partition("=")[0]) not in kept]
    if wanted:
        yield f"SET ({options(tuple(prefix + one for one in wanted))})"
    if gone:
        yield f"RESET ({', '.join(prefix + one for one in gone)})"


def own_name(name: str) -> str:
    """Return the last part of a name as a literal of Python."""
    return quoted(bare(name))


def drop_statement(kind: str, name: str, attributes: Attributes) -> str:
    """Return the call that drops an object."""
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
        publication, _, other = name.partition(".")
        sql = f"ALTER PUBLICATION {publication} DROP {_PUBLISHED[kind]} {other}"
    elif kind == "user mapping":
        server, _, role = name.partition(" for ")
        sql = f"DROP USER MAPPING FOR {role} SERVER {server}"
    return execute(sql)


_PUBLISHED = {"publication table": "TABLE", "publication schema": "TABLES IN SCHEMA"}


def comment_statement(key: ObjectKey, attributes: Attributes) -> str:
    """Return the call that gives an object its comment."""
    comment = attributes.get("comment")
    said = "NULL" if comment is None else literal(comment)
    return execute(f"COMMENT ON {definitions.reference(*key, attributes)} IS {said}")
