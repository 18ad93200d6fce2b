"""The project's models: made in an empty database, and asked what they do not have of a migrated one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .channel import Channel


def create_models(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Make all tables of the models, as `create_all` does.

    Returns:
        No steps: no revision is run.
    """
    metadata = _metadata(context)
    with context.begin_transaction(_per_migration=True):
        for one in metadata:
            one.create_all(context.connection)
    channel.send("models", found=bool(metadata), only_there=[])
    return []


def report_only_there(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Report what only the database has and autogenerate would drop; filters of env.py leave out what is not theirs.

    Returns:
        No steps: no revision is run.
    """
    from alembic.autogenerate import compare_metadata

    metadata = _metadata(context)
    quote = context.connection.dialect.identifier_preparer.quote
    default = context.connection.dialect.default_schema_name
    found: list[tuple[str, str]] = []
    for difference in compare_metadata(context, context.opts["target_metadata"]) if metadata else ():
        if not isinstance(difference, tuple) or not str(difference[0]).startswith("remove_"):
            continue
        kind, subject = difference[0].removeprefix("remove_"), difference[-1]
        table = subject if kind == "table" else subject.table
        schema = quote(table.schema or default)
        if kind == "table":
            found.append(("table", f"{schema}.{quote(table.name)}"))
        elif kind == "index":
            found.append(("index", f"{schema}.{quote(subject.name)}"))
        else:
            name = f"{schema}.{quote(table.name)}.{quote(subject.name)}"
            found.append(("column" if kind == "column" else "constraint", name))
    channel.send("models", found=bool(metadata), only_there=found)
    return []


def _metadata(context: Any) -> list[Any]:
    given = context.opts.get("target_metadata")
    return [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
