"""The project's models: creates them in an empty database, and compares them with a migrated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .protocol import Models

if TYPE_CHECKING:
    from .channel import Channel


def create_models(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Create all tables of the models, as `create_all` does.

    Returns:
        No steps: no revision is run.
    """
    metadata = _metadata(context)
    with context.begin_transaction(_per_migration=True):
        for collection in metadata:
            collection.create_all(context.connection)
    channel.send(Models(bool(metadata), []))
    return []


def report_only_there(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Report the objects of the database that autogenerate would drop, because the models do not have them.

    Objects that the filters of env.py exclude are left out.

    Returns:
        No steps: no revision is run.
    """
    from alembic.autogenerate import compare_metadata

    metadata = _metadata(context)
    quote = context.connection.dialect.identifier_preparer.quote
    default_schema = context.connection.dialect.default_schema_name
    objects: list[tuple[str, str]] = []
    for difference in compare_metadata(context, context.opts["target_metadata"]) if metadata else ():
        if not isinstance(difference, tuple) or not str(difference[0]).startswith("remove_"):
            continue
        kind, subject = difference[0].removeprefix("remove_"), difference[-1]
        table = subject if kind == "table" else subject.table
        schema = quote(table.schema or default_schema)
        if kind == "table":
            objects.append(("table", f"{schema}.{quote(table.name)}"))
        elif kind == "index":
            objects.append(("index", f"{schema}.{quote(subject.name)}"))
        else:
            name = f"{schema}.{quote(table.name)}.{quote(subject.name)}"
            objects.append(("column" if kind == "column" else "constraint", name))
    channel.send(Models(bool(metadata), objects))
    return []


def _metadata(context: Any) -> list[Any]:
    target = context.opts.get("target_metadata")
    return [] if target is None else list(target) if isinstance(target, (list, tuple)) else [target]
