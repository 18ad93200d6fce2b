"""What must be unchanged between the review of a plan and its deployment."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from domain.migration.deployment.lock_policy import USUAL, LockPolicy


@dataclass(frozen=True)
class PlanKey:
    """The database, its state and the files for which a plan was made.

    Attributes:
        database: Name of the database.
        system_identifier: The number of its cluster; None if the role may not read it.
        current: Revisions that it was at.
        goal: Revisions that it will be at.
        catalog: SHA-256 of its schema, in hexadecimal.
        files: Each revision that will run with the SHA-256 of its file, in order.
        policy: For how long its locks may make others wait, and who is ended for them.
    """

    database: str
    system_identifier: str | None
    current: tuple[str, ...]
    goal: tuple[str, ...]
    catalog: str
    files: tuple[tuple[str, str], ...]
    policy: LockPolicy = USUAL

    def hash(self) -> str:
        """Return the SHA-256 of all of it, in hexadecimal.

        Durations and verdicts are left out, because measuring again never gives the same figures.
        """
        content = {
            "database": self.database,
            "system_identifier": self.system_identifier,
            "current": sorted(self.current),
            "goal": sorted(self.goal),
            "catalog": self.catalog,
            "files": [list(file) for file in self.files],
            "policy": self.policy.limits,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def changes(self, now: "PlanKey") -> Iterator[str]:
        """Yield what has changed since, a part of a sentence each."""
        if (self.database, self.system_identifier) != (now.database, now.system_identifier):
            yield "it was made for another database"
        elif sorted(self.current) != sorted(now.current):
            yield f"the database is at {', '.join(now.current) or 'no revision'} now"
        elif self.catalog != now.catalog:
            yield "the schema has changed since"
        if sorted(self.goal) != sorted(now.goal):
            yield f"it leads to {', '.join(now.goal) or 'no revision'} now"
        hashes, old = dict(now.files), [revision for revision, _ in self.files]
        for revision, sha256 in self.files:
            if revision in hashes and hashes[revision] != sha256:
                yield f"the file of {revision} has changed since"
        if old != [revision for revision, _ in now.files]:
            yield f"it runs {', '.join(revision for revision, _ in now.files) or 'nothing'} now"
        for name, limit in self.policy.limits.items():
            if now.policy.limits[name] != limit:
                yield f"it was made with {_option(name, limit)}, and not with {_option(name, now.policy.limits[name])}"


def _option(name: str, limit: float | str) -> str:
    return f"--{name.replace('_', '-')} {limit if isinstance(limit, str) else format(limit, 'g')}"
