"""The graph of an Alembic history, and the selection of revisions by names and ranges."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from domain.migration.errors import HistoryError

_RELATIVE = re.compile(r"(?P<start>.*?)(?P<steps>[+-]\d+)")


@dataclass(frozen=True)
class HistoryEntry:
    """One revision of a history.

    Attributes:
        revision: Id of the revision.
        down_revision: Ids of the revisions that it follows; none for a base, several for a merge.
        depends_on: Ids of other revisions that must be applied before it.
        path: Path of its file.
        message: First line of its docstring.
        labels: Branch labels.
    """

    revision: str
    down_revision: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    path: str = ""
    message: str = ""
    labels: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of all revisions that must be applied directly before it."""
        return self.down_revision + self.depends_on


@dataclass(frozen=True)
class History:
    """All revisions of a project.

    Attributes:
        entries: The revisions, each after its parents.
    """

    entries: tuple[HistoryEntry, ...]
    _by_id: dict[str, HistoryEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the revisions by id."""
        object.__setattr__(self, "_by_id", {entry.revision: entry for entry in self.entries})

    @property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other follows."""
        followed = {parent for entry in self.entries for parent in entry.down_revision}
        return tuple(entry.revision for entry in self.entries if entry.revision not in followed)

    def select(self, text: str) -> tuple[HistoryEntry, ...]:
        """Return the revisions of a range, in the order in which they would run.

        Args:
            text: Range `from:to`, without `from`, as in Alembic. `from:` ends at the heads, `:to` begins at the base,
                and a name alone means that revision. Names are ids, unique prefixes of ids, `base`, `head`, `heads`,
                branch labels, and steps from these, such as `head-2`, `ae10+1` and `-1`.

        Raises:
            HistoryError: A name is unknown or ambiguous, or the two ends of the range are in the wrong order.
        """
        start, colon, end = text.partition(":")
        if not colon:
            return tuple(self._by_id[revision] for revision in self.resolve(text))
        excluded = self.ancestors(self.resolve(start or "base"))
        included = self.ancestors(self.resolve(end or "heads"))
        chosen = tuple(entry for entry in self.entries if entry.revision in included - excluded)
        if not chosen and excluded - included:
            raise HistoryError(
                f"the range {text} holds no revision: {start} comes after {end}", f"write it as {end}:{start}"
            )
        return chosen

    def choose(self, names: str | Iterable[str]) -> tuple[HistoryEntry, ...]:
        """Return the revisions of one or several names, each once, in the order in which they would run.

        Args:
            names: One or several: names or ranges as for `select`, or absolute paths of revision files that end with
                `.py`. As for Alembic, an `__init__.py` is no revision.

        Raises:
            HistoryError: A name is unknown or ambiguous, or a file is no revision of this history.
        """
        several = [names] if isinstance(names, str) else names
        chosen = {entry.revision for name in several for entry in self._named(name)}
        return tuple(entry for entry in self.entries if entry.revision in chosen)

    def pending(self, applied: Iterable[str]) -> tuple[HistoryEntry, ...]:
        """Return the revisions that are not applied yet, in order.

        Args:
            applied: Revisions that the database is at, as in its version table.

        Raises:
            HistoryError: The database is at a revision that is not in this history.
        """
        heads = tuple(applied)
        for revision in heads:
            if revision not in self._by_id:
                raise HistoryError(
                    f"the database is at {revision}, which this history does not have",
                    "use the code that migrated it, or name a range",
                )
        applied_revisions = self.ancestors(heads)
        return tuple(entry for entry in self.entries if entry.revision not in applied_revisions)

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the ids that a name stands for; none for `base`.

        Raises:
            HistoryError: The name is unknown or ambiguous.
        """
        relative = _RELATIVE.fullmatch(name)
        if relative:
            return self._step(relative["start"] or "head", int(relative["steps"]))
        if name == "base":
            return ()
        if name == "heads":
            return self.heads
        if name == "head":
            if len(self.heads) > 1:
                raise HistoryError(
                    f"there are {len(self.heads)} heads: {', '.join(self.heads)}",
                    "name one of them, or use heads; to join them: alembic merge heads",
                )
            return self.heads
        return (self._find(name),)

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """Return revisions with all revisions that must be applied before them."""
        ancestors: set[str] = set()
        pending = list(revisions)
        while pending:
            revision = pending.pop()
            if revision not in ancestors:
                ancestors.add(revision)
                pending += self._by_id[revision].parents
        return frozenset(ancestors)

    def last_of(self, revisions: Iterable[str]) -> tuple[str, ...]:
        """Return those of some revisions that no other of them follows or depends on, as a version table has them."""
        chosen = frozenset(revisions)
        followed = {parent for revision in chosen for parent in self._by_id[revision].parents}
        return tuple(sorted(chosen - followed))

    def _named(self, name: str) -> tuple[HistoryEntry, ...]:
        if not name.endswith(".py"):
            return self.select(name)
        matching = tuple(entry for entry in self.entries if entry.path == name)
        if not matching and PurePath(name).name != "__init__.py":
            raise HistoryError(
                f"{name} is not a revision of this project", "name files of its versions folder, or its project with -c"
            )
        return matching

    def _find(self, name: str) -> str:
        if name in self._by_id:
            return name
        matching = [entry.revision for entry in self.entries if name in entry.labels]
        matching = matching or [revision for revision in self._by_id if name and revision.startswith(name)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise HistoryError(
                f"{name} is the beginning of {len(matching)} revisions: {', '.join(matching[:4])}",
                "write more letters of it",
            )
        raise HistoryError(f"there is no revision {name}", "list them with: alembic history")

    def _step(self, start: str, steps: int) -> tuple[str, ...]:
        revisions = self.resolve(start)
        for _ in range(abs(steps)):
            revisions = self._down(revisions, start) if steps < 0 else self._up(revisions, start)
        return revisions

    def _down(self, revisions: Sequence[str], start: str) -> tuple[str, ...]:
        if not revisions:
            raise HistoryError(f"there are not that many revisions before {start}", "use base")
        return tuple(dict.fromkeys(parent for revision in revisions for parent in self._by_id[revision].down_revision))

    def _up(self, revisions: Sequence[str], start: str) -> tuple[str, ...]:
        followers = tuple(
            entry.revision
            for entry in self.entries
            if (set(entry.down_revision) & set(revisions)) or (not revisions and not entry.down_revision)
        )
        if not followers:
            raise HistoryError(f"there are not that many revisions after {start}", "use head")
        return followers
