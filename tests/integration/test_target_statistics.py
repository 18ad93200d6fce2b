"""Statistics of a target database: right, and read by a role that may do nothing but read catalogs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.inbound.cli.errors import describe_error
from adapter.outbound.migration.target import statistics as target_statistics
from adapter.outbound.migration.target.files import read_statistics_file
from adapter.outbound.migration.target.statistics import read_statistics
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.errors import StatisticsError
from domain.migration.statistics import Statistics
from tests.conftest import Server
from tests.integration.isolation.user import folder_for_everybody
from tests.support import run

READER = "reader_of_statistics"

TABLES = """
CREATE SCHEMA "Odd";
CREATE TABLE "Odd"."Näme" (id int PRIMARY KEY, name text);
INSERT INTO "Odd"."Näme" SELECT g, 'x' FROM generate_series(1, 5000) AS g;
ANALYZE "Odd"."Näme";

CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (9000) PARTITION BY RANGE (id);
CREATE TABLE parts_2_1 PARTITION OF parts_2 FOR VALUES FROM (1000) TO (9000);
INSERT INTO parts SELECT g, 'x' FROM generate_series(0, 4999) AS g;
CREATE INDEX parts_id ON parts (id);
ANALYZE parts;

CREATE TABLE long (id int, body text);
ALTER TABLE long ALTER body SET STORAGE EXTERNAL;
INSERT INTO long SELECT g, repeat('x', 10000) FROM generate_series(1, 100) AS g;
ANALYZE long;

CREATE TABLE fresh (id int, name text);
ALTER TABLE fresh SET (autovacuum_enabled = off);
INSERT INTO fresh SELECT g, repeat('x', 500) FROM generate_series(1, 700) AS g;
CREATE TABLE nothing (id int);
"""


def sizes(connection: psycopg.Connection[Any], table: str) -> tuple[int, int]:
    """What Postgres says of one table: heap and TOAST without its maps, and indexes without theirs."""
    row = connection.execute(
        "SELECT pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) + coalesce("
        "  (SELECT sum(pg_relation_size(indexrelid)) FROM pg_index WHERE indrelid = nullif(c.reltoastrelid, 0)), 0),"
        " coalesce((SELECT sum(pg_relation_size(indexrelid)) FROM pg_index WHERE indrelid = c.oid), 0)"
        " FROM pg_class AS c WHERE c.oid = %s::regclass",
        [table],
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


@pytest.fixture
def owner(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of who owns the tables; the reader exists, and may do nothing."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {READER}")
        connection.execute(f"CREATE ROLE {READER} LOGIN; ALTER ROLE {READER} SET default_transaction_read_only = on")
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(TABLES)
        # Counters reach the others when the session is idle, or at once:
        connection.execute("SELECT pg_stat_force_next_flush()")
        yield connection
        connection.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}")


@pytest.fixture
def reader_url(owner: psycopg.Connection[Any], empty_url: str) -> str:
    """URL of a role without any privilege but CONNECT."""
    row = owner.execute(
        "SELECT bool_or(has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')), count(*)"
        "  FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384",
        [READER],
    ).fetchone()
    assert row is not None
    assert row[0] is False
    assert row[1] > 5
    return empty_url.replace("://postgres@", f"://{READER}@")


def read(url: str) -> Statistics:
    """Read the statistics as the command does."""
    return read_statistics(DatabaseURL.parse(url))


def test_rows_and_bytes(owner: psycopg.Connection[Any], reader_url: str) -> None:
    """A role without privileges reads the rows that are there, and the bytes that Postgres counts."""
    found = read(reader_url)

    assert {name: one.rows for name, one in found.items()} == {
        '"Odd"."Näme"': 5000,
        "public.fresh": 700,
        "public.long": 100,
        "public.nothing": 0,
        "public.parts": 5000,
        "public.parts_1": 1000,
        "public.parts_2": 4000,
        "public.parts_2_1": 4000,
    }
    for name in ('"Odd"."Näme"', "public.parts_2_1", "public.long", "public.fresh"):
        assert (found[name].bytes, found[name].index_bytes) == sizes(owner, name), name
    assert found["public.long"].toast_bytes > 1_000_000 > found["public.long"].bytes - found["public.long"].toast_bytes
    assert found["public.parts"].index_bytes == sum(sizes(owner, f"parts_{part}")[1] for part in ("1", "2_1")) > 0
    assert found.is_big("public.parts")
    assert not found.is_big("public.fresh")
    assert found.is_big("public.not_there")


def test_rows_grow_with_the_pages_since_the_last_analyze(owner: psycopg.Connection[Any], reader_url: str) -> None:
    """What came after ANALYZE counts, by the counters, and by the pages when the counters are lost."""
    owner.execute('ALTER TABLE "Odd"."Näme" SET (autovacuum_enabled = off)')
    owner.execute("""INSERT INTO "Odd"."Näme" SELECT g, 'x' FROM generate_series(5001, 15000) AS g""")
    owner.execute("SELECT pg_stat_force_next_flush()")
    assert read(reader_url)['"Odd"."Näme"'].rows == 15_000

    owner.execute("SELECT pg_stat_reset()")
    assert read(reader_url)['"Odd"."Näme"'].rows == pytest.approx(15_000, rel=0.05)


def test_rows_without_any_statistics(owner: psycopg.Connection[Any], reader_url: str) -> None:
    """Never analyzed and its counters lost, a table still has pages: it is not taken for empty."""
    owner.execute("SELECT pg_stat_reset()")
    found = read(reader_url)

    assert found["public.fresh"].rows > 700
    assert found["public.nothing"].rows == 0


def test_rates(owner: psycopg.Connection[Any], reader_url: str) -> None:
    """Scans and writes since the counters were reset, by the seconds since then."""
    owner.execute("SELECT pg_stat_reset()")
    for _ in range(4):
        owner.execute("SELECT count(*) FROM parts_1")
    owner.execute("UPDATE parts_1 SET name = 'y' WHERE id < 10")
    owner.execute("SELECT pg_stat_force_next_flush()")
    owner.execute("SELECT pg_sleep(0.2)")
    found = read(reader_url)

    assert found.target is not None
    seconds = found.target.observed_seconds
    assert seconds is not None
    assert 0.2 <= seconds < 60
    one = found["public.parts_1"]
    assert one.writes_per_second == pytest.approx(10 / seconds)
    assert one.scans_per_second is not None
    assert one.scans_per_second >= 4 / seconds
    assert found["public.parts"].writes_per_second == pytest.approx(10 / seconds)
    assert found["public.nothing"].writes_per_second == 0


def test_rates_that_nobody_counts(owner: psycopg.Connection[Any], reader_url: str) -> None:
    """Where the server does not count, the rates are unknown, not zero."""
    owner.execute("ALTER DATABASE hexalembic_empty SET track_counts = off")
    found = read(reader_url)

    assert found.target is not None
    assert found.target.observed_seconds is None
    assert {(one.scans_per_second, one.writes_per_second) for one in found.values()} == {(None, None)}


def test_the_target(server: Server, owner: psycopg.Connection[Any], reader_url: str, empty_url: str) -> None:
    """Version, settings, extensions, and whether this role may create them."""
    owner.execute("ALTER DATABASE hexalembic_empty SET maintenance_work_mem = '123MB'")
    owner.execute("CREATE EXTENSION vector")
    mine, theirs = read(reader_url).target, read(empty_url).target

    assert mine is not None
    assert theirs is not None
    assert mine.postgres.startswith(f"{server.major}.")
    assert mine.database == "hexalembic_empty"
    assert mine.maintenance_work_mem == 123 * 2**20
    assert mine.max_parallel_maintenance_workers is not None
    vector = mine.extensions["vector"]
    assert vector.installed is not None
    assert vector.available is not None
    assert vector.available.startswith("0.8.")
    assert not vector.may_create
    assert theirs.extensions["vector"].may_create

    owner.execute(f"GRANT CREATE ON DATABASE hexalembic_empty TO {READER}")
    trusted = owner.execute(
        "SELECT trusted FROM pg_available_extension_versions WHERE name = 'vector' AND version = %s", [vector.available]
    ).fetchone()
    granted = read(reader_url).target
    assert granted is not None
    assert trusted is not None
    assert granted.extensions["vector"].may_create is trusted[0]


def test_nothing_is_written(owner: psycopg.Connection[Any], empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even as a superuser: the transaction refuses to write, and no counter of rows written moves."""
    refused: list[str | None] = []

    def attempt(connection: psycopg.Connection[Any]) -> Statistics:
        found = original(connection)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as caught:
            connection.execute("INSERT INTO public.fresh VALUES (1, 'x')")
        refused.append(caught.value.sqlstate)
        return found

    original = target_statistics._read  # noqa: SLF001 - the statement goes into its own transaction
    monkeypatch.setattr(target_statistics, "_read", attempt)
    written = "SELECT sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del), count(*) FROM pg_stat_user_tables"
    before = owner.execute(written).fetchone()
    assert len(read(empty_url)) == 8

    assert refused == ["25006"]
    assert owner.execute(written).fetchone() == before


def test_a_locked_table_is_not_waited_for(owner: psycopg.Connection[Any], empty_url: str, reader_url: str) -> None:
    """A deployment that holds ACCESS EXCLUSIVE stops nothing: that table's size is the one of its last ANALYZE."""
    with psycopg.connect(empty_url) as deployment:
        deployment.execute('LOCK TABLE "Odd"."Näme", long, parts')
        found = read(reader_url)

    assert found['"Odd"."Näme"'].rows == 5000
    assert found['"Odd"."Näme"'].bytes >= sizes(owner, '"Odd"."Näme"')[0] - 2 * 8192
    assert found["public.parts"].rows == 5000


def test_a_catalog_that_is_locked(owner: psycopg.Connection[Any], empty_url: str, reader_url: str) -> None:
    """What cannot be read in time is told in two lines, and the command does not hang."""
    assert owner.info.dbname == "hexalembic_empty"
    with psycopg.connect(empty_url) as other:
        other.execute("LOCK TABLE pg_inherits")
        with pytest.raises(DatabaseError) as caught:
            read(reader_url)

    assert "could not be read in time" in caught.value.message
    assert caught.value.exit_code == 3


def test_the_command(owner: psycopg.Connection[Any], reader_url: str, tmp_path: Path) -> None:
    """As text it is a table, biggest first; as JSON it is the file that `read_statistics_file` reads."""
    assert owner.info.dbname == "hexalembic_empty"
    text = run("adapter.inbound.cli.migrate", "stats", "--target-url", reader_url)
    assert text.returncode == 0, text.stderr
    lines = [line.split() for line in text.stdout.splitlines()]
    first = next(number for number, line in enumerate(lines) if line[0] == "table")
    assert lines[first + 1][:4] == ["public.long", "100", "1.2", "MB"]
    assert sum(sizes(owner, "long")) // 1024 // 102.4 == 12
    assert lines[-1][:2] == ["public.nothing", "0"]
    assert '"Odd"."Näme"' in text.stdout

    written = run("adapter.inbound.cli.migrate", "stats", "--format", "json", url=reader_url)
    assert json.loads(written.stdout)["schema"] == "hexalembic.statistics/1"
    path = tmp_path / "stats.json"
    path.write_text(written.stdout, encoding="utf-8")
    loaded = read_statistics_file(path)
    assert loaded["public.parts"].rows == 5000
    assert loaded.target is not None
    assert loaded.target.extensions["vector"].available is not None


def test_no_password_is_shown() -> None:
    """A server that does not answer is named without the password, in text and hint."""
    url = "postgresql://ana:s3cret@127.0.0.1:1/shop"
    for result in (
        run("adapter.inbound.cli.migrate", "stats", "--target-url", url),
        run("adapter.inbound.cli.migrate", "stats", "--format", "json", url=url),
    ):
        assert result.returncode == 3
        assert result.stderr.startswith("error: No Postgres server answers at postgresql://ana:***@127.0.0.1:1/shop")
        assert "Traceback" not in result.stderr
        assert "s3cret" not in result.stdout + result.stderr


def test_an_empty_database(empty_url: str) -> None:
    """A database without tables is said to be one."""
    result = run("adapter.inbound.cli.migrate", "stats", url=empty_url)

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "no tables"


@pytest.mark.parametrize("content", [None, b"\xff\xfe{\x00", b"{}"])
def test_a_file_that_is_none(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, of another encoding or of another kind is named, with what writes a right one."""
    path = tmp_path / "stats.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StatisticsError) as caught:
        read_statistics_file(path)

    assert caught.value.message.startswith(str(path))
    assert "migrate stats --format json" in caught.value.hint
    assert describe_error(caught.value) == (2, caught.value.message, caught.value.hint)


def test_rates_after_a_restart() -> None:
    """An orderly restart keeps the counters, so that they are averages of all the time before it, too."""
    with folder_for_everybody("hx") as root:
        running = embedded.start(root=root, settings={"fsync": "off"})
        try:
            with psycopg.connect(running.url(), autocommit=True) as connection:
                connection.execute("CREATE TABLE counted (id int)")
                connection.execute("INSERT INTO counted SELECT generate_series(1, 1000)")
                row = connection.execute("SELECT now() FROM pg_stat_force_next_flush()").fetchone()
            assert row is not None
            embedded.release(running)
            embedded.stop(root=root, force=True)
            running = embedded.start(root=root, settings={"fsync": "off"})
            found = read_statistics(DatabaseURL.parse(running.url()))
        finally:
            embedded.release(running)
            embedded.stop(root=root, force=True)

    assert found.target is not None
    seconds = found.target.observed_seconds
    assert seconds is not None
    assert seconds > (found.target.taken_at - row[0]).total_seconds()
    assert found["public.counted"].writes_per_second == pytest.approx(1000 / seconds)
