"""The configuration of autogenerate, and a plugin for each thing that Alembic misses (README.md has the whole table).

Each file is one comparator. No revision imports this package. `env.py` hands `options()` to `context.configure`.
"""

from types import ModuleType
from typing import Any

from alembic.runtime import plugins
from sqlalchemy import MetaData

from adapter.outbound.database.autogenerate import (
    casts,
    columns,
    comments,
    constraints,
    default_schema,
    dropped_indexes,
    enum_values,
    enums,
    equal,
    filters,
    foreign_key_types,
    generated,
    identity,
    in_lists,
    index_options,
    keys,
    namespaces,
    ordering,
    programs,
    renames,
    rendering,
    revisions,
    serial,
    storage,
    tables,
)

# The order matters within one target and priority: `ordering` arranges the operations of all others.
_PLUGINS: dict[str, ModuleType] = {
    f"hexalembic.{module.__name__.rpartition('.')[2]}": module
    for module in (
        default_schema,
        filters,
        enums,
        equal,
        columns,
        keys,
        index_options,
        constraints,
        storage,
        serial,
        generated,
        identity,
        casts,
        namespaces,
        tables,
        in_lists,
        dropped_indexes,
        programs,
        enum_values,
        foreign_key_types,
        comments,
        renames,
        ordering,
    )
}


def options(metadata: MetaData) -> dict[str, Any]:
    """Return the keyword arguments for `context.configure` that concern autogenerate.

    Args:
        metadata: The models.
    """
    _register()
    name_filters = filters.Filters(metadata)
    return {
        "target_metadata": metadata,
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": name_filters.include_name,
        "include_object": name_filters.include_object,
        filters.OPTION: name_filters,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname", *_PLUGINS],
        "process_revision_directives": revisions.arrange_revisions,
        "render_item": rendering.render_item,
    }


def _register() -> None:
    """Register each plugin once.

    env.py runs many times in one process, and Alembic refuses to register a plugin twice. An entry point would be
    imported during `import alembic`, before the modules that the comparators need.
    """
    for name, module in _PLUGINS.items():
        if name not in plugins._all_plugins:  # noqa: SLF001  # Alembic has no public way to ask
            plugins.Plugin.setup_plugin_from_module(module, name)
