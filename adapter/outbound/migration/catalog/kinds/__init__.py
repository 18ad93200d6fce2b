"""The kinds of objects of a schema, grouped by subject: each file has a tuple `KINDS`."""

from adapter.outbound.migration.catalog.kinds import (
    built_in,
    databases,
    foreign,
    functions,
    indexes,
    languages,
    namespaces,
    operators,
    privileges,
    publications,
    relations,
    roles,
    sequences,
    subscriptions,
    text_search,
    triggers,
    types,
    views,
)

_SUBJECTS = (
    namespaces,
    relations,
    indexes,
    sequences,
    views,
    functions,
    triggers,
    types,
    publications,
    privileges,
    databases,
    operators,
    text_search,
    foreign,
    languages,
    roles,
    subscriptions,
    built_in,
)
KINDS = tuple(kind for subject in _SUBJECTS for kind in subject.KINDS)
