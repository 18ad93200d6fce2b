"""Drift: objects that `create_all` creates and the migrated database lacks or has differently, read from the catalog.

Autogenerate only compares what it has operations for. Here the models are created completely, with their DDL events, in
schemas of their own inside a transaction that is rolled back. A role that may not create a schema uses the temporary
schema of its session, in which models of a single schema can be created. The application's tables are only read.
Objects that only the database has are reported by autogenerate or left alone.
"""

import logging
import re
from functools import partial
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.exc import DBAPIError

from adapter.outbound.database.autogenerate.expressions import PREPARER
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.postgres.explain import sqlstate
from domain.migration.drift import BESIDE_SCHEMAS, without_parts
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, Value, compare

log = logging.getLogger(f"alembic.{__name__}")

# Attributes that the administrator decides, or that SQLAlchemy cannot declare.
_LEFT_ALONE = frozenset({"position", "owner", "acl", "options"})
_CREATE = re.compile(r"\s*CREATE\s+(?=(?:FUNCTION|PROCEDURE)\b)", re.IGNORECASE)
_PREFIX = "hexalembic_models_"
_TEMPORARY = "pg_temp"
_NO_PRIVILEGE = "42501"  # SQLSTATE: insufficient_privilege


def read_drift(connection: Connection, metadata: MetaData) -> tuple[str, ...]:
    """Return a sentence for each difference; log a warning and return none if the models cannot be created.

    Args:
        connection: A separate psycopg connection outside a transaction; it is rolled back.
        metadata: The models.
    """
    try:
        try:
            difference = _difference(connection, metadata)
        except (DBAPIError, psycopg.Error) as error:
            if sqlstate(error) != _NO_PRIVILEGE or _schemas(connection, metadata) != {None}:
                raise
            connection.rollback()
            difference = _difference_by_temporary(connection, metadata)
        return tuple(difference.sentences())
    except (DBAPIError, psycopg.Error) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        log.warning("Cannot compare the whole catalog with the models: %s", str(reason).splitlines()[0])
        return ()
    finally:
        connection.rollback()


def without_repetition(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first sentences, and those of the second ones whose objects the first do not name."""
    first_text = " ".join(first)
    return (*first, *(sentence for sentence in second if _object(sentence) not in first_text))


def _object(sentence: str) -> str:
    """Return the name of the object in a sentence about a difference, without its schema: `users.email`."""
    return sentence.split(" ")[1].rstrip(":").partition(".")[2]


def _difference(connection: Connection, metadata: MetaData) -> SchemaDifference:
    actual = _snapshot(connection)
    places = _places(connection, metadata)
    quote = PREPARER.quote
    path = connection.scalar(text("SHOW search_path"))
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    for place in sorted(set(places.values())):
        connection.execute(text(f"CREATE SCHEMA {place}"))
    connection.execute(text(f"SET LOCAL search_path = {places[None]}, {path}"))
    _create(connection, metadata, places)
    default = str(connection.dialect.default_schema_name)
    names = {place: quote(schema or default) for schema, place in places.items()}
    expected = _as_declared(_snapshot(connection), actual, names)
    return _lacking(expected, actual)


def _difference_by_temporary(connection: Connection, metadata: MetaData) -> SchemaDifference:
    """Compare with temporary objects, which definitions name without their schema, unlike other objects."""
    actual = _snapshot(connection)
    default = connection.dialect.default_schema_name or "public"
    path = connection.scalar(text("SHOW search_path"))
    connection.execute(text("SET LOCAL lock_timeout = '1s'"))
    connection.execute(text(f"SET LOCAL search_path = {_TEMPORARY}, {path}"))
    _create(connection, metadata, dict.fromkeys((None, default), _TEMPORARY))
    temporary_schema = connection.scalar(text("SELECT pg_my_temp_schema()::regnamespace::text"))
    schema = PREPARER.quote(default)
    created = _snapshot(connection, temporary=True)
    names = {f"{temporary_schema}.": f"{schema}."}
    bare = {f"{temporary_schema}.": "", f"{_TEMPORARY}.": "", f"{schema}.": ""}
    expected = {
        (kind, str(_renamed(name, names))): {
            attribute: _renamed(value, bare) for attribute, value in attributes.items()
        }
        for (kind, name), attributes in created.objects.items()
        if kind != "schema" and temporary_schema in name
    }
    present = {
        key: {attribute: _renamed(value, bare) for attribute, value in attributes.items()}
        for key, attributes in actual.objects.items()
    }
    return _lacking(SchemaSnapshot(expected), SchemaSnapshot(present))


def _lacking(expected: SchemaSnapshot, actual: SchemaSnapshot) -> SchemaDifference:
    """Return what the database lacks, and what it has differently; objects that only it has are left out."""
    difference = compare(expected, actual, ignore=_LEFT_ALONE)
    return SchemaDifference(missing=without_parts(expected, difference.missing), changed=difference.changed)


def _schemas(connection: Connection, metadata: MetaData) -> set[str | None]:
    default = connection.dialect.default_schema_name
    return {None if table.schema == default else table.schema for table in metadata.tables.values()} | {None}


def _create(connection: Connection, metadata: MetaData, places: dict[str | None, str]) -> None:
    temporary = places[None] == _TEMPORARY
    rewrite_functions = (
        partial(_temporary_functions, str(connection.dialect.default_schema_name)) if temporary else _replace_functions
    )
    event.listen(connection, "before_cursor_execute", rewrite_functions, retval=True)
    translated = connection.execution_options(schema_translate_map=dict(places))
    tables = [table for table in metadata.tables.values() if not table.info.get("is_view")]
    try:
        metadata.create_all(translated, tables=tables, checkfirst=False)
    finally:
        event.remove(connection, "before_cursor_execute", rewrite_functions)


def _places(connection: Connection, metadata: MetaData) -> dict[str | None, str]:
    """Return the schema in which the models are created, by the schema that the models name."""
    default = connection.dialect.default_schema_name
    schemas = _schemas(connection, metadata) | {default}
    ordered = sorted(schemas, key=lambda schema: schema or "")
    places = {schema: f"{_PREFIX}{number:03}" for number, schema in enumerate(ordered)}
    places[default] = places[None]
    return places


def _replace_functions(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Replace a function of a DDL event whose name includes the schema, because it exists already."""
    return _CREATE.sub("CREATE OR REPLACE ", statement, count=1), parameters


def _temporary_functions(
    schema: str, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Create a function of a DDL event in the temporary schema, because the role may not replace the existing one."""
    create_function = rf'\s*CREATE\s+(?:OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\s+(?:"?{re.escape(schema)}"?\.)?'
    rewritten = re.sub(create_function, rf"CREATE OR REPLACE \1 {_TEMPORARY}.", statement, count=1, flags=re.IGNORECASE)
    return rewritten, parameters


def _as_declared(created: SchemaSnapshot, actual: SchemaSnapshot, names: dict[str, str]) -> SchemaSnapshot:
    """Return the objects that the models created, named as if they were in the schemas that the models name."""
    objects: dict[ObjectKey, dict[str, Value]] = {}
    for key, attributes in created.objects.items():
        kind, name = key
        if kind == "schema":
            continue
        if _PREFIX in name:
            renamed = {attribute: _renamed(value, names) for attribute, value in attributes.items()}
            objects[kind, str(_renamed(name, names))] = renamed
        elif actual.objects.get(key) != attributes:
            objects[key] = dict(attributes)
    return SchemaSnapshot(objects)


def _renamed(value: Value, names: dict[str, str]) -> Value:
    if isinstance(value, str):
        for place, name in names.items():
            value = value.replace(place, name)
        return value
    return tuple(_renamed(part, names) for part in value) if isinstance(value, tuple) else value


def _snapshot(connection: Connection, *, temporary: bool = False) -> SchemaSnapshot:
    driver: Any = connection.connection.driver_connection
    connected = cast("psycopg.Connection[Any]", driver)
    return snapshot(connected, exclude_kinds=BESIDE_SCHEMAS, temporary=temporary)
