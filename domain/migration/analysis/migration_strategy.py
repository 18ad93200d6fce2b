"""The ways to reach the schema of a revision. A rule that reports an error may require another way than `DIRECT`."""

from enum import Enum


class MigrationStrategy(Enum):
    """A way to reach the schema of a revision."""

    DIRECT = "direct"
    EXPAND_MIGRATE_CONTRACT = "expand, migrate, contract"
    TWO_PHASES = "schema and data in two phases"
    MAINTENANCE_WINDOW = "maintenance window"
