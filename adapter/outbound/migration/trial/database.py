"""A database of the sandbox at some revisions of a project."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RevisionDatabase:
    """A database of the sandbox at some revisions of a project.

    Attributes:
        url: Its URL.
        applied: The revisions that were applied to it.
        unfilled: The reason, by table, for each table that got fewer rows than requested.
        columns: The columns that it had when it was filled last, as `schema.table.column`; None before the first time.
        young: How many fillings ago each of the columns that are newer than the rows appeared, from 1.
    """

    url: str
    applied: frozenset[str]
    unfilled: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] | None = None
    young: Mapping[str, int] = field(default_factory=dict)


class CannotBuildError(Exception):
    """An error that says why a database at some revisions, or with some rows, cannot be created."""
