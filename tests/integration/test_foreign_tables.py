"""Foreign tables are never read and never written by the tool: what stands behind them is somebody's real data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions, render_analysis
from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions
from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.catalog.foreign_tables import mixed_tables, restrict
from adapter.outbound.migration.rows import fill
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements
from adapter.outbound.postgres import embedded
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

ROWS = 40

# Partitions of partitions, children, a default partition, defaults that choose the partition, and ways round: views,
# triggers, rules, functions.
TREES = """
CREATE TABLE events (id int NOT NULL, day date NOT NULL DEFAULT '2030-01-05', body text) PARTITION BY RANGE (day);
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2020-01-01') PARTITION BY RANGE (id);
CREATE TABLE events_new_low PARTITION OF events_new FOR VALUES FROM (MINVALUE) TO (1000000);
CREATE FOREIGN TABLE events_new_high PARTITION OF events_new FOR VALUES FROM (1000000) TO (MAXVALUE)
    SERVER production OPTIONS (table_name 'events');
CREATE FOREIGN TABLE events_old PARTITION OF events DEFAULT SERVER production OPTIONS (table_name 'events');
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL);
CREATE FOREIGN TABLE people_far (id int NOT NULL, name text NOT NULL) INHERITS (people)
    SERVER production OPTIONS (table_name 'people');
CREATE TABLE pets (id int PRIMARY KEY, owner int NOT NULL REFERENCES people, seen int);
CREATE TABLE away (id int NOT NULL) PARTITION BY LIST (id);
CREATE FOREIGN TABLE away_all PARTITION OF away DEFAULT SERVER production OPTIONS (table_name 'away');
CREATE FOREIGN TABLE alone (id int, name text) SERVER production OPTIONS (table_name 'people');
CREATE VIEW everybody AS SELECT id, name FROM alone;
CREATE TABLE copied (id int NOT NULL);
CREATE FUNCTION copy_on() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO away VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER copy_on AFTER INSERT ON copied FOR EACH ROW EXECUTE FUNCTION copy_on();
CREATE TABLE ruled (id int NOT NULL);
CREATE RULE copy_on AS ON INSERT TO ruled DO ALSO INSERT INTO alone VALUES (NEW.id, 'x');
CREATE TABLE looked_up (id int NOT NULL);
CREATE FUNCTION look_up() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.id := NEW.id + (SELECT count(*) FROM alone); RETURN NEW; END $$;
CREATE TRIGGER look_up BEFORE INSERT ON looked_up FOR EACH ROW EXECUTE FUNCTION look_up();
"""


@dataclass(frozen=True)
class Place:
    """A database with foreign tables, and what stands behind them; on 16, whose package has no wrapper, nothing."""

    url: str
    production: str | None

    def behind(self) -> list[tuple[Any, ...]]:
        """Count what is in production, and what was asked of it."""
        if self.production is None:
            return []
        with psycopg.connect(self.production, autocommit=True) as connection:
            connection.execute("SELECT pg_stat_force_next_flush()")
            return connection.execute("""
                SELECT relname, n_tup_ins + n_tup_upd + n_tup_del, coalesce(seq_scan, 0) FROM pg_stat_user_tables
                WHERE schemaname = 'public' ORDER BY relname
            """).fetchall()


def wrapper(server: Server, production: str) -> str:
    """Return the statements that make the foreign server."""
    if server.major == 16:
        return "CREATE FOREIGN DATA WRAPPER far; CREATE SERVER production FOREIGN DATA WRAPPER far"
    return f"""
        CREATE EXTENSION postgres_fdw;
        CREATE SERVER production FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host '{server.host}', port '{server.port}', dbname '{production}');
        CREATE USER MAPPING FOR CURRENT_USER SERVER production OPTIONS (user '{server.user}')
    """


@pytest.fixture
def production(server: Server) -> Iterator[str]:
    """The name of a database with rows that must stay as they are."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS production WITH (FORCE)")
        connection.execute("CREATE DATABASE production TEMPLATE template0")
        with psycopg.connect(server.url("production")) as real:
            real.execute("CREATE TABLE events (id int, day date, body text); INSERT INTO events VALUES (1)")
            real.execute("CREATE TABLE people (id int, name text); INSERT INTO people VALUES (-1, 'real')")
            real.execute("CREATE TABLE away (id int)")
        yield "production"
        connection.execute("DROP DATABASE production WITH (FORCE)")


@pytest.fixture
def place(server: Server, empty_url: str, production: str) -> Place:
    """A database with all kinds of foreign tables."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(wrapper(server, production).encode())
        connection.execute(TREES.encode())
    return Place(empty_url, server.url(production) if server.major > 16 else None)


@pytest.mark.parametrize("restricted", [True, False])
def test_foreign_tables_are_neither_filled_nor_read(place: Place, *, restricted: bool) -> None:
    """Rows go to local partitions only, at any depth; digests and statements of the application keep away as well.

    Wrappers that do not look at the setting, and servers that do not have it, are kept away by having no handler.
    """
    before = place.behind()
    with psycopg.connect(place.url, autocommit=True) as connection:
        handlers = connection.execute("SELECT fdwname, fdwhandler::oid FROM pg_foreign_data_wrapper").fetchall()
        if restricted:
            restrict(connection)
        found = fill(connection, ROWS)
        problems = {problem.table: problem.reason for problem in found.problems}
        assert connection.execute("SELECT count(*) FROM events_new_low").fetchone() == (ROWS,)
        assert connection.execute("SELECT count(*) FROM ONLY people").fetchone() == (ROWS,)
        assert connection.execute("SELECT count(*) FROM pets").fetchone() == (ROWS,)
        assert problems["public.away"] == "all its partitions are foreign tables"
        assert re.search("restricted|has no handler", problems["public.ruled"])
        assert problems.keys() == {"public.away", "public.ruled"}, problems
        assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'events_new_low'").fetchone() == (
            ROWS,
        )

        tables = digest(connection).tables
        assert tables["public.events"].rows == tables["public.people"].rows == ROWS
        assert tables["public.away"].rows == 0
        assert "public.alone" not in tables
        assert connection.execute("SELECT fdwname, fdwhandler::oid FROM pg_foreign_data_wrapper").fetchall() == handlers
    with ApplicationStatements(place.url) as code:
        tables_of_code = {one.table for one in code.statements}
        assert not code.try_again().broken
    assert {"public.pets"} <= tables_of_code
    assert not {"public.alone", "public.everybody", "public.away"} & tables_of_code
    assert place.behind() == before


def test_tables_with_foreign_parts_are_known(place: Place) -> None:
    """Each table above a foreign one is known with its local parts, whatever lies between."""
    with psycopg.connect(place.url) as connection:
        found = {table.name: table.local for table in mixed_tables(connection).values()}
    assert found == {
        "public.events": ("public.events_new_low",),
        "public.events_new": ("public.events_new_low",),
        "public.people": ("public.people",),
        "public.away": (),
    }


@pytest.mark.parametrize("statement", ["INSERT INTO alone VALUES (7, 'made')", "SELECT * FROM everybody"])
def test_our_sessions_are_refused(place: Place, statement: str) -> None:
    """The server itself refuses one of our sessions what reaches a foreign table."""
    with psycopg.connect(place.url) as connection:
        restrict(connection)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="restricted"):
            connection.execute(statement.encode())


@pytest.fixture
def sandbox_directory(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for embedded sandboxes of this test."""
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_DIR", str(tmp_path / "sandbox"))
    yield
    embedded.stop(server.major, tmp_path / "sandbox", force=True)


@pytest.mark.long
@pytest.mark.usefixtures("sandbox_directory")
def test_proofs_say_what_was_not_read(server: Server, production: str, history: History) -> None:
    """A table with foreign partitions is proved on its local ones, and both reports name the others."""
    history.add("r1", None, f"op.execute({f'{wrapper(server, production)};{TREES}'!r})")
    history.add(
        "r2",
        "r1",
        'op.execute("ALTER TABLE events ADD COLUMN note text")',
        'op.execute("ALTER TABLE events DROP COLUMN note")',
    )
    place = Place("", server.url(production) if server.major > 16 else None)
    before = place.behind()
    request = ProjectRequest(config=history.plain_ini(), major=server.major, rows=ROWS)
    asked = VerificationRequest("r2", "round-trip,repeat,compat", history.folder / "certificates.json")
    report = verify_revisions(request, asked, lambda *_: None)
    assert not report.failed, render_verification(report, "text", verbose=True, color=False)
    (proof,) = report.proofs
    assert proof.analysis.trace.tables["public.events"].rows == ROWS
    named = "public.alone, public.away_all, public.events_new_high, public.events_old, public.people_far"
    assert f"foreign and not read: {named}" in render_verification(report, "text", verbose=False, color=False)
    analysis = analyze_revisions(request, "r2", TargetRequest(), lambda *_: None)
    written = render_analysis(analysis, "text", None, verbose=False, color=False)
    assert f"{named} (foreign tables)" in " ".join(written.split())
    assert place.behind() == before


@pytest.mark.few(1)
@pytest.mark.usefixtures("sandbox_directory")
@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO people SELECT id, name FROM everybody", "REFRESH MATERIALIZED VIEW gathered", "DELETE FROM events"],
)
def test_revisions_that_read_foreign_tables_are_not_judged(
    server: Server, production: str, history: History, statement: str
) -> None:
    """A revision that reads a foreign table ends in a sentence that says why it was not judged."""
    view = "CREATE MATERIALIZED VIEW gathered AS SELECT * FROM everybody WITH NO DATA"
    history.add("r1", None, f"op.execute({f'{wrapper(server, production)};{TREES};{view}'!r})")
    history.add("r2", "r1", f"op.execute({statement!r})")
    request = ProjectRequest(config=history.plain_ini(), major=server.major, rows=ROWS)
    (analysis,) = analyze_revisions(request, "r2", TargetRequest(), lambda *_: None).revisions
    assert analysis.reasons == ("not-in-sandbox",)
    (said,) = (one for one in analysis.diagnostics if one.code == "not-in-sandbox")
    assert "was not judged: a foreign table has no rows in the sandbox" in said.message
