"""Each row of "What autogenerate sees" (README.md of the comparators) is run on a real server."""

from pathlib import Path

import pytest

import adapter.outbound.database.autogenerate
from tests.conftest import SERVERS, Server
from tests.integration.autogenerate import catalog_cases, dependency_cases, schema_cases, vector_cases
from tests.integration.autogenerate.harness import Case, Database, run

CASES = vector_cases.CASES + schema_cases.CASES + catalog_cases.CASES + dependency_cases.CASES
README = Path(adapter.outbound.database.autogenerate.__file__).with_name("README.md")


_COLUMNS = 7


def rows() -> dict[str, tuple[str, ...]]:
    """Read what the table says of each key: stock Alembic, ours, upgrade, downgrade."""
    found = {}
    for line in README.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == _COLUMNS:
            found[cells[0].strip("`")] = tuple("" if cell == "-" else cell for cell in cells[2:6])
    return found


def test_the_table_and_the_cases_are_the_same_set() -> None:
    """No row is without a case, no case without a row, none is there twice."""
    keys = [case.key for case in CASES]
    assert sorted(keys) == sorted(rows())


def _majors(case: Case) -> list[str]:
    """Name the servers that the row is about; of an external one the major is not known yet."""
    return [name for name in SERVERS if name == "external" or case.since <= int(name) <= case.until]


@pytest.mark.few(16)
@pytest.mark.some(60)
@pytest.mark.one_major
@pytest.mark.parametrize(
    ("case", "server"),
    [pytest.param(case, name, id=f"{case.key}-{name}") for case in CASES for name in _majors(case)],
    indirect=["server"],
)
def test_row(case: Case, server: Server, module_database: Database, tmp_path: Path) -> None:
    """What the row says is what happens: seen or not, and how the written revision runs both ways.

    An Alembic upgrade that closes a gap, or opens one, fails here: in the column of stock Alembic, too, so that a
    comparator of ours which is no longer needed is noticed.
    """
    if not case.since <= server.major <= case.until:
        pytest.skip(f"the row is of Postgres {case.since} to {case.until}")
    stock, *expected = rows()[case.key]
    outcome = run(case, module_database, tmp_path, stock=server.name == SERVERS[0])
    assert outcome.stock in {stock, ""}
    assert [outcome.ours, outcome.up, outcome.down] == expected, "\n".join(outcome.notes)
