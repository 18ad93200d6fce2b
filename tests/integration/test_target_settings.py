"""Settings of the target: a revision is judged under them; where none are known, what depends on them is said."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from adapter.bootstrap.analyze import TargetRequest
from adapter.bootstrap.target import read_target_statistics
from adapter.bootstrap.verify import VerificationRequest
from adapter.outbound.migration.sandbox.session_settings import accepted
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

pytestmark = pytest.mark.one_major

VISITS = 'op.execute("CREATE TABLE visits (id int PRIMARY KEY, at timestamp)")'
ROLE = "sets_its_own"
TO_ZONE = """
op.execute("SET LOCAL lock_timeout = '2s'")
op.alter_column("visits", "at", type_=sa.DateTime(timezone=True))
"""
BACK = 'op.alter_column("visits", "at", type_=sa.DateTime())'


@pytest.fixture
def target(empty_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A database to be migrated, with a role that may have settings of its own."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {ROLE}")
        connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        yield connection
        connection.execute(f"DROP ROLE {ROLE}")


def judged(
    server: Server, history: History, target: TargetRequest | None = None, config: Path | None = None
) -> RevisionAnalysis:
    """Analyze the revision r2."""
    config = config or history.plain_ini()
    report = analyzed(server, config, "r2", rows=1200, target=target)
    return report.revisions[0]


def said(found: RevisionAnalysis) -> set[str]:
    """Name the warnings and errors."""
    return {one.code for one in found.diagnostics if one.severity.value != "note"}


@pytest.mark.few(1)
@pytest.mark.parametrize("zone", ["Europe/Madrid", "UTC"])
@pytest.mark.parametrize("place", ["DATABASE hexalembic_empty", f"ROLE {ROLE}"])
def test_the_target_decides(
    server: Server,
    history: History,
    target: psycopg.Connection[tuple[object, ...]],
    zone: str,
    place: str,
) -> None:
    """A timestamp becomes a timestamptz without a rewrite in UTC only, and the target's TimeZone is measured under."""
    target.execute("CREATE TABLE visits (id int PRIMARY KEY, at timestamp)")
    target.execute("INSERT INTO visits SELECT g, now() FROM generate_series(1, 5000) g")
    target.execute("ANALYZE visits")
    target.execute(sql.SQL("ALTER {} SET TimeZone = {}").format(sql.SQL(place), sql.Literal(zone)))
    history.add("r1", None, VISITS)
    history.add("r2", "r1", TO_ZONE, BACK)
    url = server.url("hexalembic_empty").replace(f"//{server.user}@", f"//{ROLE}@")
    found = judged(server, history, TargetRequest(url))

    assert found.verdict == ("safe" if zone == "UTC" else "unsafe")
    # the hour that comes twice in October is not given back
    assert said(found) == (set() if zone == "UTC" else {"table-rewrite", "lossy-downgrade"})


@pytest.mark.some(2)
@pytest.mark.long
@pytest.mark.parametrize("zone", ["Europe/Madrid", "UTC"])
@pytest.mark.parametrize("is_file", [True, False])
def test_the_target_decides_what_is_exact(
    server: Server,
    history: History,
    target: psycopg.Connection[tuple[object, ...]],
    tmp_path: Path,
    zone: str,
    is_file: bool,
) -> None:
    """A timestamptz gives the timestamps back in UTC only, and a proof holds for the settings it was made under."""
    target.execute(sql.SQL("ALTER DATABASE hexalembic_empty SET TimeZone = {}").format(sql.Literal(zone)))
    url = server.url("hexalembic_empty")
    history.add("r1", None, VISITS)
    history.add("r2", "r1", TO_ZONE, BACK)
    file = tmp_path / "stats.json"
    file.write_text(read_target_statistics(url).to_json(), encoding="utf-8")
    source: dict[str, Any] = {"statistics": file} if is_file else {"target": url}
    asked = VerificationRequest("r2", "round-trip", tmp_path / "certificates.json", **source)
    config = history.plain_ini()
    first, second = (verified(server, config, asked, rows=200) for _ in range(2))
    without_target = verified(server, config, replace(asked, target=None, statistics=None), rows=200)
    (trip,) = (proof.trip for proof in first.proofs)

    assert trip is not None
    assert trip.reversibility is (Reversibility.EXACT if zone == "UTC" else Reversibility.LOSSY)
    assert first.failed == (zone != "UTC")
    assert len(second.certified) == (zone == "UTC")
    assert without_target.certified == ()  # nobody knows the zone


def test_without_a_target_a_warning(server: Server, history: History) -> None:
    """Without a target the upgrade runs in two zones, and the warning names the table that only one rewrites."""
    history.add("r1", None, VISITS)
    history.add("r2", "r1", TO_ZONE, BACK)
    found = judged(server, history)
    rewrite, loss = (one for one in found.diagnostics if one.code == "depends-on-time-zone")

    assert found.verdict == "safe"
    assert rewrite.statement == 1
    assert "rewrites public.visits" in rewrite.message
    assert "Europe/Madrid" in rewrite.message
    assert "public.visits.at differs in sessions whose TimeZone is Europe/Madrid" in loss.message


def test_what_does_not_depend_is_not_warned_of(server: Server, history: History) -> None:
    """A new column of either kind, and a zone that the revision sets itself, depend on nobody."""
    history.add("r1", None, VISITS)
    zoned = f"op.execute(\"SET LOCAL TimeZone = 'Asia/Tokyo'\"){TO_ZONE}"
    columns = 'op.add_column("visits", sa.Column("seen", sa.DateTime(timezone=True)))\n'
    history.add("r2", "r1", f'{columns}op.add_column("visits", sa.Column("left_at", sa.DateTime()))\n{zoned}', BACK)
    found = judged(server, history)

    assert "table-rewrite" in said(found)
    assert "depends-on-time-zone" not in said(found)


def test_names_dates_and_texts_are_read_as_there(
    server: Server, history: History, target: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A path of schemas with a blank, a date with the day first, and a backslash mean what they mean at the target."""
    target.execute('CREATE SCHEMA "odd shop"')
    target.execute("""ALTER DATABASE hexalembic_empty SET search_path = 'odd shop', public""")
    target.execute("ALTER DATABASE hexalembic_empty SET DateStyle = 'SQL, DMY'")
    target.execute("ALTER DATABASE hexalembic_empty SET standard_conforming_strings = off")
    history.add("r1", None, "op.execute('CREATE SCHEMA \"odd shop\" CREATE TABLE days (id int PRIMARY KEY, d date)')")
    insert = r"INSERT INTO days SELECT -1, '31/12/2025' WHERE length('a\\\\b') = 3 RETURNING id"
    history.add("r2", "r1", f'assert op.get_bind().exec_driver_sql("{insert}").scalar() == -1', "pass")
    there = judged(server, history, TargetRequest(server.url("hexalembic_empty")))

    assert there.trace.error is None
    assert [one.error for one in there.trace.upgrade] == [None]


def test_a_project_that_sets_its_own_zone_keeps_it(
    server: Server, history: History, target: psycopg.Connection[tuple[object, ...]]
) -> None:
    """What env.py asks for goes before what the target's sessions have by themselves."""
    target.execute("ALTER DATABASE hexalembic_empty SET TimeZone = 'Europe/Madrid'")
    history.add("r1", None, VISITS)
    history.add("r2", "r1", TO_ZONE, BACK)
    config = history.plain_ini()
    env = config.parent / "env.py"
    options = 'connect_args={"options": "-c TimeZone=UTC"}'
    env.write_text(env.read_text(encoding="utf-8").replace('none")', f'none", {options})'), encoding="utf-8")
    found = judged(server, history, TargetRequest(server.url("hexalembic_empty")), config)

    assert found.verdict == "safe"


def test_what_the_sandbox_does_not_know_is_said(server: Server, history: History, tmp_path: Path) -> None:
    """A zone that this server does not have is left out, and a warning names it."""
    history.add("r1", None, VISITS)
    history.add("r2", "r1", 'op.execute("SELECT 1")')
    stats = tmp_path / "stats.json"
    stats.write_text(
        '{"schema": "hexalembic.statistics/1", "taken_at": "2026-01-01T00:00:00+00:00", "tables": {},'
        ' "settings": {"TimeZone": "Mars/Olympus"}}'
    )
    found = judged(server, history, TargetRequest(statistics=stats))
    (warning,) = (one for one in found.diagnostics if one.code == "depends-on-time-zone")

    assert "TimeZone = 'Mars/Olympus'" in warning.message
    assert accepted(server.url(), {"TimeZone": "Mars/Olympus"}).taken == {}
