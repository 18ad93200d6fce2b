"""Objects, and the statements that make them."""

from domain.migration.repair.definitions import (
    create,
)
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
)
from tests.unit.domain.migration.traces import Objects

EMAIL = f"{PEOPLE}.email"


def made(objects: Objects) -> list[str] | None:
    """The statements that make the first of some objects."""
    kind, name = next(iter(objects))
    return create(kind, name, SchemaSnapshot(objects))
