"""The embedded Postgres."""

from types import ModuleType


def embedded() -> ModuleType:
    """Return the module of the embedded Postgres."""
    from adapter.outbound.postgres import embedded as module

    return module
