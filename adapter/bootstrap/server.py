"""The embedded Postgres."""

from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def embedded() -> ModuleType:
    """Return the module of the embedded Postgres."""
    from adapter.outbound.postgres import embedded as module

    return module
