"""A database at revisions of a project."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RevisionDatabase:
    """A database of the sandbox.

    Attributes:
        url: Where it is.
        applied: The revisions that it has.
        unfilled: Tables that got fewer rows than asked for, with the reason.
        columns: The columns that it had when it was filled last; None before it was.
        young: Those of them that came after the rows, and how many revisions ago.
    """

    url: str
    applied: frozenset[str]
    unfilled: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] | None = None
    young: Mapping[str, int] = field(default_factory=dict)


class CannotBuildError(Exception):
    """The parents of a revision cannot be applied."""
