"""A constraint that is added NOT VALID keeps rows that break it from being updated, which is a warning."""

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text, age int);
CREATE TABLE days (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE days_all PARTITION OF days DEFAULT;
"""
# Statements of one upgrade each, and the constraint of which is warned.
CASES = {
    "breaks": ("ALTER TABLE people ADD CONSTRAINT short CHECK (length(name) < 9) NOT VALID", "short"),
    "of_partitions": ("ALTER TABLE days ADD CONSTRAINT late CHECK (day > '2024-01-01') NOT VALID", "late"),
    "fits": ("ALTER TABLE people ADD CONSTRAINT some CHECK (age < 2000000000) NOT VALID", ""),
    "checked": ("ALTER TABLE people ADD CONSTRAINT some CHECK (id > -9) NOT VALID, VALIDATE CONSTRAINT some", ""),
    "of_a_new_table": (
        "CREATE TABLE t AS SELECT 1 AS n; ALTER TABLE t ADD CHECK (n > 1) NOT VALID",
        "",
    ),
}
NOT_NULL = ("ALTER TABLE people ADD CONSTRAINT named NOT NULL name NOT VALID", "named")


def test_rows_that_no_update_can_change_are_a_warning(server: Server, history: History) -> None:
    """Postgres checks the constraint on each new version of a row, also where other columns change."""
    cases = CASES | ({"of_null": NOT_NULL} if server.major >= 18 else {})
    history.add("base0", None, f"op.execute({TABLES!r})")
    for name, (upgrade, _) in cases.items():
        history.add(name, "base0", f"op.execute({upgrade!r})", "raise NotImplementedError('no way back')")
    report = analyzed(server, history.plain_ini(), "base0:heads", rows=200)
    warned = {
        item.trace.revision: [
            (one.severity.value, one.message.partition(" that breaks ")[2].partition(" ")[0])
            for one in item.diagnostics
            if one.code == "rows-must-fit"
        ]
        for item in report.revisions
    }
    assert warned == {name: [("warning", wanted)] if wanted else [] for name, (_, wanted) in cases.items()}
