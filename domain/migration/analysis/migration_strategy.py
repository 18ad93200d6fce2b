"""How to get a schema to where a revision takes it; a rule that stops a revision names another way."""

from enum import Enum


class MigrationStrategy(Enum):
    """How to get the schema there."""

    DIRECT = "direct"
    EXPAND_MIGRATE_CONTRACT = "expand, migrate, contract"
    TWO_PHASES = "schema and data in two phases"
    MAINTENANCE_WINDOW = "maintenance window"
