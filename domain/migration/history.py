"""The graph of an Alembic history, and the ranges that people name in it."""

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
        revision: Its id.
        down_revision: Ids that it follows; none for a base, several for a merge.
        depends_on: Ids that must be applied before it, without being followed.
        path: Its file.
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
        """All that must be applied before it."""
        return self.down_revision + self.depends_on


@dataclass(frozen=True)
class History:
    """All revisions of a project.

    Attributes:
        entries: The revisions, each after those that it follows.
    """

    entries: tuple[HistoryEntry, ...]
    _by_id: dict[str, HistoryEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index by id."""
        object.__setattr__(self, "_by_id", {entry.revision: entry for entry in self.entries})

    @property
    def heads(self) -> tuple[str, ...]:
        """Revisions that no other follows."""
        followed = {parent for entry in self.entries for parent in entry.down_revision}
        return tuple(entry.revision for entry in self.entries if entry.revision not in followed)

    def select(self, text: str) -> tuple[HistoryEntry, ...]:
        """Return the revisions of a range, in the order in which they would run.

        Args:
            text: `from:to` with `from` excluded, as in Alembic; `from:` up to the heads, `:to` from the base on; one
                name alone for that revision. Names are ids, unique beginnings of ids, `base`, `head`, `heads`, branch
                labels, and steps from them: `head-2`, `ae10+1`, `-1`.

        Raises:
            HistoryError: A name is unknown or ambiguous, or the range holds nothing because it is the wrong way round.
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

    def choose(self, names: Iterable[str]) -> tuple[HistoryEntry, ...]:
        """Return the revisions that several names mean, each once, in the order in which they would run.

        Args:
            names: As `select` reads them, or absolute paths of revision files, which end with `.py`. An `__init__.py`
                means no revision, as for Alembic.

        Raises:
            HistoryError: A name cannot be read, or a file is no revision of this history.
        """
        chosen = {entry.revision for name in names for entry in self._named(name)}
        return tuple(entry for entry in self.entries if entry.revision in chosen)

    def pending(self, applied: Iterable[str]) -> tuple[HistoryEntry, ...]:
        """Return what a database has still to run, in order.

        Args:
            applied: What it says that it has: its heads.

        Raises:
            HistoryError: It has revisions that are not in this history.
        """
        heads = tuple(applied)
        for revision in heads:
            if revision not in self._by_id:
                raise HistoryError(
                    f"the database is at {revision}, which this history does not have",
                    "take the code that it was migrated with, or name a range",
                )
        done = self.ancestors(heads)
        return tuple(entry for entry in self.entries if entry.revision not in done)

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the ids that a name means; none for `base`.

        Raises:
            HistoryError: No revision has that name, or several have.
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
        """Return some revisions and all that must be applied before them."""
        seen: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in seen:
                seen.add(revision)
                waiting += self._by_id[revision].parents
        return frozenset(seen)

    def _named(self, name: str) -> tuple[HistoryEntry, ...]:
        if not name.endswith(".py"):
            return self.select(name)
        found = tuple(entry for entry in self.entries if entry.path == name)
        if not found and PurePath(name).name != "__init__.py":
            raise HistoryError(
                f"{name} is no revision of this project", "name files of its versions folder, or its project with -c"
            )
        return found

    def _find(self, name: str) -> str:
        if name in self._by_id:
            return name
        found = [entry.revision for entry in self.entries if name in entry.labels]
        found = found or [revision for revision in self._by_id if name and revision.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise HistoryError(
                f"{name} is the beginning of {len(found)} revisions: {', '.join(found[:4])}", "write more of it"
            )
        raise HistoryError(f"there is no revision {name}", "list them with: alembic history")

    def _step(self, start: str, steps: int) -> tuple[str, ...]:
        at = self.resolve(start)
        for _ in range(abs(steps)):
            at = self._down(at, start) if steps < 0 else self._up(at, start)
        return at

    def _down(self, at: Sequence[str], start: str) -> tuple[str, ...]:
        if not at:
            raise HistoryError(f"there are not so many revisions before {start}", "use base")
        return tuple(dict.fromkeys(parent for revision in at for parent in self._by_id[revision].down_revision))

    def _up(self, at: Sequence[str], start: str) -> tuple[str, ...]:
        followers = tuple(
            entry.revision
            for entry in self.entries
            if (set(entry.down_revision) & set(at)) or (not at and not entry.down_revision)
        )
        if not followers:
            raise HistoryError(f"there are not so many revisions after {start}", "use head")
        return followers
