"""The rendering of types in a revision, which imports nothing of this project and is readable without the models."""

import copy
from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from sqlalchemy import DefaultClause, TypeDecorator
from sqlalchemy.dialects.postgresql import DOMAIN


def render_item(type_: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Return the rendering of pgvector's types, of the application's own types and of defaults that are text.

    Args:
        type_: The kind of the object; only types and defaults are rendered here.
        item: The object to render.
        context: The autogenerate run, which collects the imports.

    Returns:
        The Python expression, or False for Alembic's own rendering.
    """
    if type_ == "server_default" and isinstance(item, DefaultClause) and isinstance(item.arg, str):
        # Alembic's own rendering removes a quote from either end.
        return repr(str(item.arg))
    if type_ != "type":
        return False
    if type(item).__module__.startswith("pgvector.sqlalchemy"):
        return _pgvector(item, context)
    if isinstance(item, TypeDecorator) and not type(item).__module__.startswith("sqlalchemy"):
        # A TypeDecorator is code of the application; in the database the column has the type that it decorates.
        return str(_repr_type(item.impl_instance, context))
    if isinstance(item, DOMAIN) and item.create_type:
        # A separate statement creates the domain (namespaces.py), so its first table must not create it again.
        existing = copy.copy(item)
        existing.create_type = False
        return context.migration_context.impl.render_type(existing, context)
    return False


def _pgvector(item: Any, context: AutogenContext) -> str:
    context.imports.add("import pgvector.sqlalchemy")
    name = "Vector" if type(item).__name__ == "VECTOR" else type(item).__name__
    size = next((value for value in (getattr(item, "dim", None), getattr(item, "length", None)) if value), "")
    return f"pgvector.sqlalchemy.{name}({size})"
