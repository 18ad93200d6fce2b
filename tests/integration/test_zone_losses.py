"""A downgrade that gives values back in UTC only is not called exact."""

import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

UTC = "op.execute(\"SET LOCAL TimeZone = 'UTC'\")\n"
# Upgrades and downgrades of a table that convert between a type with a time zone and one without.
CONVERSIONS = {
    "type": ("ALTER TABLE {} ALTER at TYPE timestamptz", "ALTER TABLE {} ALTER at TYPE timestamp"),
    "range": (
        "ALTER TABLE {} ALTER day TYPE tstzrange USING day::text::tstzrange",
        "ALTER TABLE {} ALTER day TYPE tsrange USING day::text::tsrange",
    ),
    "new column": (
        "ALTER TABLE {0} ADD zoned timestamptz; UPDATE {0} SET zoned = at; ALTER TABLE {0} DROP at",
        "ALTER TABLE {0} ADD at timestamp; UPDATE {0} SET at = zoned; ALTER TABLE {0} DROP zoned",
    ),
}
WITHOUT_ZONE = ("ALTER TABLE {} ALTER place TYPE varchar", "ALTER TABLE {} ALTER place TYPE text")


@pytest.mark.some(1)
@pytest.mark.long
@pytest.mark.parametrize("only", ["round-trip", pytest.param("round-trip,repeat", marks=pytest.mark.long)])
def test_what_another_zone_loses_is_no_exact_downgrade(server: Server, history: History, only: str) -> None:
    """Local times that a zone skips or repeats are not given back there; in UTC, or without zones, all are."""
    revisions = {
        **{name: ("", *pair) for name, pair in CONVERSIONS.items()},
        **{f"{name}, in UTC": (UTC, *pair) for name, pair in CONVERSIONS.items()},
        "without a zone": ("", *WITHOUT_ZONE),
    }
    tables = {name: f"visits{number}" for number, name in enumerate(revisions)}
    columns = "(id int PRIMARY KEY, at timestamp, day tsrange, place text)"
    creations = "; ".join(f"CREATE TABLE {table} {columns}" for table in tables.values())
    history.add("tables", None, f"op.execute({creations!r})")
    previous = "tables"
    for name, (zone, *pair) in revisions.items():
        upgrade, downgrade = (f"{zone}op.execute({sql.format(tables[name])!r})" for sql in pair)
        history.add(tables[name], previous, upgrade, downgrade)
        previous = tables[name]
    request = ProjectRequest(config=history.plain_ini(), sandbox_url=server.url(), any_role=True, rows=200)
    report = verify_revisions(request, VerificationRequest("tables:head", only), lambda *_: None)
    proofs = {proof.analysis.trace.revision: proof for proof in report.proofs}
    exact = {name for name in revisions if not proofs[tables[name]].not_seen and not proofs[tables[name]].failed}

    assert exact == {*revisions} - {*CONVERSIONS}
