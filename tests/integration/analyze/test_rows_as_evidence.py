"""What the sandbox's rows prove of a revision, and what they do not."""

import pytest

from tests.conftest import SERVERS
from tests.history import History
from tests.integration.analyze.projects import INDEX, PEOPLE, Analyze, plain_project

pytestmark = pytest.mark.one_major


@pytest.mark.long
def test_rows_that_do_not_fit_are_no_verdict(analyze: Analyze, history: History) -> None:
    """A constraint that made-up rows break is judged on rows that fit, with a warning; no row can fit a bare NOT NULL.

    A column that the revision before has added is as empty as it would be, so that a backfill overwrites nothing.
    """
    history.add(
        "r1", None, PEOPLE + '\nop.execute("ALTER TABLE people ADD kind text")', 'op.execute("DROP TABLE people")'
    )
    history.add(
        "check",
        "r1",
        "op.execute(\"ALTER TABLE people ADD CONSTRAINT k CHECK (kind IN ('a', 'b') AND kind IS NOT NULL) NOT VALID\")",
        'op.execute("ALTER TABLE people DROP CONSTRAINT k")',
    )
    history.add("validate", "check", 'op.execute("ALTER TABLE people VALIDATE CONSTRAINT k")', 'op.execute("SELECT 1")')
    history.add("never", "validate", 'op.execute("ALTER TABLE people ADD must int NOT NULL")', "pass")
    history.add(
        "column", "validate", 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")'
    )
    history.add(
        "backfill",
        "column",
        "with op.get_context().autocommit_block():\n"
        "    for first in range(0, 20000, 100):\n"
        '        op.execute(f"UPDATE people SET n = name WHERE id BETWEEN {first} AND {first + 99}")',
        "pass",
    )
    config = plain_project(history)
    found = {one.trace.revision: one for one in analyze("r1:heads", config=config).revisions}
    (alone,) = analyze("backfill", config=config).revisions

    assert "rows-must-fit" in {one.code for one in found["validate"].diagnostics}
    assert "is violated by some row" in found["validate"].trace.refused_rows
    assert found["never"].reasons == ("fails-on-existing-rows",)
    for one in (found["backfill"], alone):
        assert one.verdict == "safe", one.reasons
        assert one.trace.undone is not None
        assert not one.trace.undone.losses


_ORDERS = """
op.execute("CREATE TABLE users (id int PRIMARY KEY)")
op.execute("CREATE DOMAIN age AS int")
op.execute("CREATE TABLE orders (id int PRIMARY KEY, user_id int, age age)")
op.execute("CREATE TABLE settings (name text PRIMARY KEY, value int NOT NULL)")
op.execute("INSERT INTO settings VALUES ('limit', 10)")
"""
_NOT_VALID = """
op.execute("ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users NOT VALID")
op.execute("ALTER DOMAIN age ADD CONSTRAINT few CHECK (VALUE < 150) NOT VALID")
"""


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("validate", "read"),
    [
        ("ALTER TABLE orders VALIDATE CONSTRAINT fk", {"public.orders", "public.users"}),
        ("ALTER DOMAIN age VALIDATE CONSTRAINT few", {"public.orders"}),
    ],
    ids=["foreign key", "domain"],
)
def test_rows_that_fit_do_not_leave_a_constraint_valid(
    analyze: Analyze, history: History, validate: str, read: set[str]
) -> None:
    """A constraint that earlier rows break is validated on rows that fit, and every row is read there."""
    history.add("r1", None, _ORDERS)
    history.add("add", "r1", _NOT_VALID, 'op.execute("ALTER TABLE orders DROP CONSTRAINT fk")')
    history.add("validate", "add", f"op.execute({validate!r})", 'op.execute("SELECT 1")')
    (analysis,) = analyze("validate", config=plain_project(history)).revisions
    (statement,) = analysis.trace.upgrade

    assert analysis.trace.refused_rows
    assert {table for table, rows in statement.scanned.items() if rows >= 1200} == read


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_rows_that_fit_do_not_hide_a_row_that_stays_changed(analyze: Analyze, history: History) -> None:
    """A row that the downgrade leaves changed is found in a revision that the usual rows do not fit, too."""
    history.add("r1", None, _ORDERS)
    history.add("add", "r1", _NOT_VALID, 'op.execute("ALTER TABLE orders DROP CONSTRAINT fk")')
    upgrade = """
op.execute("UPDATE settings SET value = 20 WHERE name = 'limit'")
op.execute("ALTER TABLE orders VALIDATE CONSTRAINT fk")
"""
    history.add("r2", "add", upgrade, 'op.execute("SELECT 1")')
    (analysis,) = analyze("r2", config=plain_project(history)).revisions

    assert analysis.trace.refused_rows
    assert analysis.trace.undone is not None
    assert [str(loss) for loss in analysis.trace.undone.losses] == ["public.settings.value: values changed"]


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_a_check_of_json_is_no_evidence(analyze: Analyze, history: History) -> None:
    """A revision that refuses the JSON that was made up is judged on rows without; that of NULLs fails on rows."""
    history.add(
        "r1", None, PEOPLE + '\nop.execute("ALTER TABLE people ADD prefs jsonb")', "op.execute('DROP TABLE people')"
    )
    found = 'op.get_bind().scalar(sa.text("SELECT count(*) FROM people WHERE {}"))'
    refuse = f'if {found}:\n    raise ValueError("mend them first")\n'
    add, drop = 'op.add_column("people", sa.Column("n", sa.Text()))', 'op.drop_column("people", "n")'
    history.add("json", "r1", refuse.format("NOT prefs ? 'theme'") + add, drop)
    history.add("nulls", "r1", refuse.format("name IS NULL OR prefs IS NULL") + add, drop)
    config = plain_project(history)
    (json,) = analyze("json", config=config).revisions
    (nulls,) = analyze("nulls", config=config).revisions

    assert json.reasons == ()
    assert json.trace.refused_rows == "mend them first"
    assert {one.code for one in json.diagnostics} >= {"rows-must-fit"}
    assert nulls.reasons == ("fails-on-existing-rows",)
    assert "existing rows: mend them first" in " ".join(one.message for one in nulls.diagnostics)


BYTES = """
import zlib
c = op.get_bind()
for i, b in c.execute(sa.text("SELECT id, b FROM packed WHERE b IS NOT NULL")).fetchall():
    c.execute(sa.text("UPDATE packed SET note = :n WHERE id = :i"), {"n": zlib.decompress(bytes(b)).decode(), "i": i})
op.create_index("ix_packed_note", "packed", ["note"])
"""
PRICES = """
import decimal
for (text,) in op.get_bind().execute(sa.text("SELECT price FROM packed")).fetchall():
    decimal.Decimal(text.split(" EUR")[0])
op.create_index("ix_packed_note", "packed", ["note"])
"""
ALWAYS = 'op.create_index("ix_packed_note", "packed", ["note"])\nraise KeyError("nothing")'


@pytest.mark.few(1)
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("upgrade", "reasons"),
    [(BYTES, ("blocking-index-build",)), (PRICES, ("blocking-index-build",)), (ALWAYS, ("upgrade-fails",))],
    ids=["bytes", "texts", "always"],
)
def test_what_only_the_application_reads_is_no_evidence(
    analyze: Analyze, history: History, upgrade: str, reasons: tuple[str, ...]
) -> None:
    """An exception on made-up values says nothing about real ones: all else is judged; one that comes always is."""
    columns = "id int PRIMARY KEY, note text, price text NOT NULL, b bytea NOT NULL"
    history.add("r1", None, f'op.execute("CREATE TABLE packed ({columns})")')
    history.add("r2", "r1", upgrade, 'op.drop_index("ix_packed_note")')
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert set(reasons) <= set(found.reasons)
    assert ("upgrade-fails" in found.reasons) == ("upgrade-fails" in reasons)
    assert ("rows-must-fit" in {one.code for one in found.diagnostics}) == ("upgrade-fails" not in reasons)


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_what_comes_behind_a_statement_that_fails_on_rows_is_judged(analyze: Analyze, history: History) -> None:
    """A statement that no made-up row lets pass is undone alone, and the index build behind it is found as well."""
    history.add("r1", None, PEOPLE)
    body = 'op.execute("ALTER TABLE people ADD must int NOT NULL")\n'
    history.add("r2", "r1", f'{body}op.execute("UPDATE people SET name = name")\n{INDEX}', "pass")
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert found.reasons == ("blocking-index-build", "fails-on-existing-rows", "unbatched-write")
    assert [bool(one.error) for one in found.trace.upgrade] == [True, False, False]


RAISES = """DO $$ BEGIN IF EXISTS (SELECT FROM people {}) THEN RAISE EXCEPTION 'mend them first'; END IF; END $$"""


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (RAISES.format(""), "fails-on-existing-rows"),
        (RAISES.format("RIGHT JOIN (SELECT 1) AS t ON true"), "upgrade-fails"),
        ("UPDATE people SET name = (SELECT p.name FROM people p)", "fails-on-existing-rows"),
    ],
    ids=["raised for rows", "raised always", "subquery of several rows"],
)
def test_whatever_the_rows_are_is_said_only_where_it_is_so(
    analyze: Analyze, history: History, body: str, code: str
) -> None:
    """A failure that is gone without rows is one on rows, whatever its code; what comes behind it is judged."""
    history.add("r1", None, PEOPLE)
    history.add("r2", "r1", f'op.execute("""{body}""")\n{INDEX}', "pass")
    (found,) = analyze("r2", config=plain_project(history)).revisions

    assert found.reasons == tuple(sorted(("blocking-index-build", code)))


@pytest.mark.long
def test_rows_without_a_parent_are_no_fault_of_a_backfill_by_join(analyze: Analyze, history: History) -> None:
    """A made-up child that refers to nothing gets no value; where all refer to a parent, the revision succeeds."""
    history.add(
        "r1",
        None,
        'op.execute("CREATE TABLE teams (code text PRIMARY KEY, number int NOT NULL)")\n'
        'op.execute("CREATE TABLE members (id serial PRIMARY KEY, team text REFERENCES teams, boss int)")\n'
        'op.execute("ALTER TABLE members ADD FOREIGN KEY (boss) REFERENCES members")',
    )
    history.add(
        "r2",
        "r1",
        'op.execute("ALTER TABLE members ADD COLUMN team_number int")\n'
        'op.execute("UPDATE members SET team_number = number FROM teams WHERE code = team")\n'
        'op.execute("ALTER TABLE members ALTER team_number SET NOT NULL")',
        'raise RuntimeError("no way back")',
    )
    history.add("r3", "r2", 'op.execute("ALTER TABLE members ADD COLUMN must int NOT NULL")', "pass")
    filled, never = analyze("r1:r3", config=plain_project(history)).revisions
    codes = {one.code for one in filled.diagnostics}

    assert {"rows-must-fit", "set-not-null-scan"} <= codes
    assert "fails-on-existing-rows" not in codes
    assert "fails-on-existing-rows" in never.reasons
