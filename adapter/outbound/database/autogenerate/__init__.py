"""What autogenerate is configured with, and what it misses: one file a comparator (README.md has the whole table).

Nothing here is imported by a revision. `env.py` hands `options()` to `context.configure`.
"""

from types import ModuleType
from typing import Any

from alembic.runtime import plugins
from sqlalchemy import MetaData

from adapter.outbound.database.autogenerate import (
    casts,
    columns,
    constraints,
    default_schema,
    enum_values,
    enums,
    equal,
    filters,
    foreign_key_types,
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

# The order matters within one target and priority: `ordering` arranges what the others found.
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
        identity,
        casts,
        namespaces,
        tables,
        in_lists,
        programs,
        enum_values,
        foreign_key_types,
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
    chosen = filters.Filters(metadata)
    return {
        "target_metadata": metadata,
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": chosen.include_name,
        "include_object": chosen.include_object,
        filters.OPTION: chosen.tables_of_others,
        "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname", *_PLUGINS],
        "process_revision_directives": revisions.arrange_revisions,
        "render_item": rendering.render_item,
    }


def _register() -> None:
    """Register each plugin once: env.py runs many times in one process, and Alembic refuses the second time.

    An entry point would be imported within `import alembic`, before what the comparators need.
    """
    for name, module in _PLUGINS.items():
        if name not in plugins._all_plugins:  # noqa: SLF001  # Alembic has no public way to ask
            plugins.Plugin.setup_plugin_from_module(module, name)
