"""The operations of the lock catalog; each subject has a file with a tuple `OPERATIONS`."""

from adapter.outbound.migration.lock_catalog.operations import (
    column_types,
    columns,
    constraints,
    indexes,
    maintenance,
    partitions,
    pgvector,
    rights,
    tables,
    triggers,
    types,
    views,
)

_SUBJECTS = (
    tables,
    columns,
    column_types,
    constraints,
    indexes,
    partitions,
    types,
    triggers,
    views,
    rights,
    maintenance,
    pgvector,
)
OPERATIONS = tuple(operation for subject in _SUBJECTS for operation in subject.OPERATIONS)
