"""Lock modes against the conflict table of the manual."""

import pytest

from domain.migration.locks import LockMode

# PostgreSQL manual, table 13.2: each row's mode conflicts with the columns marked X.
TABLE = {
    "ACCESS SHARE": "       X",
    "ROW SHARE": "      XX",
    "ROW EXCLUSIVE": "    XXXX",
    "SHARE UPDATE EXCLUSIVE": "   XXXXX",
    "SHARE": "  XX XXX",
    "SHARE ROW EXCLUSIVE": "  XXXXXX",
    "EXCLUSIVE": " XXXXXXX",
    "ACCESS EXCLUSIVE": "XXXXXXXX",
}


@pytest.mark.parametrize("name", TABLE)
def test_conflicts_are_those_of_the_manual(name: str) -> None:
    """Each mode conflicts with the modes that the manual's table marks."""
    mode = LockMode.parse(name)

    assert [mode.conflicts_with(other) for other in LockMode] == [mark == "X" for mark in TABLE[name]]


def test_conflicts_are_mutual() -> None:
    """If one mode conflicts with another, the other conflicts with it."""
    assert all(one.conflicts_with(other) == other.conflicts_with(one) for one in LockMode for other in LockMode)


def test_what_waits() -> None:
    """SHARE UPDATE EXCLUSIVE stops nobody, SHARE stops writers, ACCESS EXCLUSIVE stops everybody."""
    assert [mode.name for mode in LockMode if mode.blocks_reads] == ["ACCESS_EXCLUSIVE"]
    assert [mode.name for mode in LockMode if mode.blocks_writes] == [
        "SHARE",
        "SHARE_ROW_EXCLUSIVE",
        "EXCLUSIVE",
        "ACCESS_EXCLUSIVE",
    ]


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("AccessExclusiveLock", LockMode.ACCESS_EXCLUSIVE),
        ("ShareUpdateExclusiveLock", LockMode.SHARE_UPDATE_EXCLUSIVE),
        ("ShareLock", LockMode.SHARE),
        ("ROW SHARE", LockMode.ROW_SHARE),
    ],
)
def test_both_spellings_are_read(text: str, mode: LockMode) -> None:
    """Modes are read as pg_locks writes them and as SQL does."""
    assert LockMode.parse(text) is mode
    assert LockMode.parse(mode.sql) is mode


def test_unknown_mode() -> None:
    """A word that is no mode is refused."""
    with pytest.raises(ValueError, match="no lock mode"):
        LockMode.parse("SIReadLock")
