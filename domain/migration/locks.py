"""Lock modes of relations and what they block (PostgreSQL manual, 13.3.1 Table-Level Locks)."""

from enum import IntEnum


class LockMode(IntEnum):
    """A table-level lock mode; a higher one conflicts with more modes.

    The order is that of the table in the manual. Neither SHARE nor SHARE UPDATE EXCLUSIVE is stronger than the other.
    SHARE comes later, because it blocks writes and the other does not.
    """

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @classmethod
    def parse(cls, text: str) -> "LockMode":
        """Return the mode with a name as in `pg_locks` (`AccessExclusiveLock`) or in SQL (`ACCESS EXCLUSIVE`).

        Raises:
            ValueError: There is no such mode.
        """
        normalized = text.removesuffix("Lock").replace(" ", "").replace("_", "").upper()
        for mode in cls:
            if mode.name.replace("_", "") == normalized:
                return mode
        raise ValueError(f"no lock mode {text!r}")

    @property
    def sql(self) -> str:
        """Name of the mode in SQL."""
        return self.name.replace("_", " ")

    @property
    def in_pg_locks(self) -> str:
        """Name of the mode in `pg_locks`."""
        return f"{self.name.title().replace('_', '')}Lock"

    def conflicts_with(self, other: "LockMode") -> bool:
        """Return whether two transactions cannot hold the two modes on one relation at the same time."""
        return other in _CONFLICTS[self]

    @property
    def blocks(self) -> bool:
        """Whether a SELECT, INSERT, UPDATE or DELETE waits."""
        return self.blocks_reads or self.blocks_writes

    @property
    def blocks_reads(self) -> bool:
        """Whether a SELECT waits."""
        return self.conflicts_with(LockMode.ACCESS_SHARE)

    @property
    def blocks_writes(self) -> bool:
        """Whether an INSERT, UPDATE or DELETE waits."""
        return self.conflicts_with(LockMode.ROW_EXCLUSIVE)


def _modes(*names: str) -> frozenset[LockMode]:
    return frozenset(LockMode[name] for name in names)


_CONFLICTS: dict[LockMode, frozenset[LockMode]] = {
    LockMode.ACCESS_SHARE: _modes("ACCESS_EXCLUSIVE"),
    LockMode.ROW_SHARE: _modes("EXCLUSIVE", "ACCESS_EXCLUSIVE"),
    LockMode.ROW_EXCLUSIVE: _modes("SHARE", "SHARE_ROW_EXCLUSIVE", "EXCLUSIVE", "ACCESS_EXCLUSIVE"),
    LockMode.SHARE_UPDATE_EXCLUSIVE: _modes(
        "SHARE_UPDATE_EXCLUSIVE", "SHARE", "SHARE_ROW_EXCLUSIVE", "EXCLUSIVE", "ACCESS_EXCLUSIVE"
    ),
    LockMode.SHARE: _modes(
        "ROW_EXCLUSIVE", "SHARE_UPDATE_EXCLUSIVE", "SHARE_ROW_EXCLUSIVE", "EXCLUSIVE", "ACCESS_EXCLUSIVE"
    ),
    LockMode.SHARE_ROW_EXCLUSIVE: _modes(
        "ROW_EXCLUSIVE", "SHARE_UPDATE_EXCLUSIVE", "SHARE", "SHARE_ROW_EXCLUSIVE", "EXCLUSIVE", "ACCESS_EXCLUSIVE"
    ),
    LockMode.EXCLUSIVE: frozenset(LockMode) - {LockMode.ACCESS_SHARE},
    LockMode.ACCESS_EXCLUSIVE: frozenset(LockMode),
}
