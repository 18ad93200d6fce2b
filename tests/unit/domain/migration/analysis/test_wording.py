"""Tables in sentences."""

from domain.migration.analysis.impact import Work, WorkKind
from domain.migration.analysis.lock_windows import LockWindow
from domain.migration.analysis.wording import activity, listed, waiting
from domain.migration.locks import LockMode


def test_tables_in_a_sentence() -> None:
    """Four are named, of five two and how many more."""
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 other tables"


def test_work_on_tables_in_a_sentence() -> None:
    """Three tables are named with the work on each, five by the kind of work, with how many more."""
    works = [Work(0, table, WorkKind.SCAN) for table in "abcde"]
    assert activity(works[:3]) == "reads every row of a and reads every row of b and reads every row of c"
    assert activity(works) == "reads every row of a, b and 3 other tables"


def test_what_waits_in_a_sentence() -> None:
    """Reads and writes, or writes; of a sequence the INSERTs of its table, or the calls of one that none owns."""
    lock = LockWindow("a", LockMode.ACCESS_EXCLUSIVE, 0, 2, "a")
    share = LockWindow("b", LockMode.SHARE, 1, 1, "b")
    owned = LockWindow("s", LockMode.SHARE_ROW_EXCLUSIVE, 0, 2, "a", kind="sequence")
    free = LockWindow("s", LockMode.SHARE_ROW_EXCLUSIVE, 0, 2, "s", kind="sequence")
    to_the_end = "until the transaction ends with statement 3"
    assert waiting([lock], 0) == f"reads and writes of a wait {to_the_end} (ACCESS EXCLUSIVE)"
    assert waiting([lock], 2) == "reads and writes of a wait until it has finished (ACCESS EXCLUSIVE)"
    assert waiting([share], 0) == "writes of b wait until the transaction ends with statement 2 (SHARE)"
    assert waiting([owned], 0) == f"INSERTs of a wait {to_the_end} (SHARE ROW EXCLUSIVE)"
    assert waiting([free], 0) == f"calls of nextval() of s wait {to_the_end} (SHARE ROW EXCLUSIVE)"


def test_of_many_waiting_tables_the_first_are_named() -> None:
    """A table with two locks of one kind is named once."""
    windows = [LockWindow(name, LockMode.SHARE, 0, 0, name) for name in "abcd"]
    assert waiting(windows, 0) == "writes of a, b wait until it has finished (SHARE) and so do those of 2 other tables"
    assert waiting([*windows[:3], windows[0]], 0) == "writes of a, b, c wait until it has finished (SHARE)"
