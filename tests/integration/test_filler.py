"""The rows that the filler makes up, on schemas of many kinds and on the project's own."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from adapter.outbound.migration.rows import Filled, FillProblem, fill
from domain.migration.statistics import NO_ROOM

pytestmark = pytest.mark.one_major

ROWS = 300

# Everything that pgvector and plain Postgres offer on every supported major.
KINDS: LiteralString = """
CREATE EXTENSION vector;
CREATE SCHEMA shop;
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy');
CREATE TYPE address AS (street text, number int, tags varchar(5)[]);
CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE >= 0 AND VALUE <= 100);
CREATE DOMAIN email AS text NOT NULL CHECK (VALUE ~ '^[^@]+@[^@]+[.][a-z]+$');
CREATE DOMAIN work_email AS email CHECK (length(VALUE) < 60);
CREATE TABLE every_type (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    a bool NOT NULL, b smallint NOT NULL, c int NOT NULL, d bigint NOT NULL, e real NOT NULL, f float8 NOT NULL,
    g numeric NOT NULL, h numeric(3, 1) NOT NULL, i numeric(2, 4) NOT NULL, j numeric(2, -3) NOT NULL,
    k money NOT NULL, l text NOT NULL, m varchar(3) NOT NULL, n char(1) NOT NULL, o char(20) NOT NULL, p name NOT NULL,
    q "char" NOT NULL, r uuid NOT NULL, s date NOT NULL, t timestamp(0) NOT NULL, u timestamptz NOT NULL,
    v time NOT NULL, w timetz NOT NULL, x interval NOT NULL, y interval day to minute NOT NULL, z json NOT NULL,
    aa jsonb NOT NULL, ab jsonpath NOT NULL, ac inet NOT NULL, ad cidr NOT NULL, ae macaddr NOT NULL,
    af macaddr8 NOT NULL, ag bytea NOT NULL, ah bit NOT NULL, ai bit(70) NOT NULL, aj bit varying(5) NOT NULL,
    ak tsvector NOT NULL, al tsquery NOT NULL, am point NOT NULL, an line NOT NULL, ao lseg NOT NULL, ap box NOT NULL,
    aq path NOT NULL, ar polygon NOT NULL, "as" circle NOT NULL, at pg_lsn NOT NULL, au oid NOT NULL, av xid8 NOT NULL,
    aw int[] NOT NULL, ax varchar(2)[] NOT NULL, ay mood[] NOT NULL, az mood NOT NULL, ba address NOT NULL,
    bb percentage NOT NULL, bc work_email, bd percentage[] NOT NULL,
    be int4range NOT NULL, bf int8range NOT NULL, bg numrange NOT NULL, bh tsrange NOT NULL, bi tstzrange NOT NULL,
    bj daterange NOT NULL, bk int4multirange NOT NULL, bl tstzmultirange NOT NULL,
    bm vector(384) NOT NULL, bn halfvec(5) NOT NULL, bo sparsevec(1000) NOT NULL, bp vector NOT NULL,
    bq address[] NOT NULL, br regclass, bs txid_snapshot, bt text COLLATE "C" NOT NULL, bu email,
    "odd ""name" text NOT NULL, made int GENERATED ALWAYS AS (c * 2) STORED, kept text NOT NULL DEFAULT 'kept'
);
CREATE INDEX ON every_type USING hnsw ((bp::vector(7)) vector_l2_ops);
CREATE TABLE nullable (a int, b text, c mood, d vector(3), e timestamptz, f xml);
CREATE TABLE checked (
    id serial PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('new', 'paid', 'it''s gone')),
    kind varchar(10) NOT NULL CHECK (kind::text = ANY (ARRAY['a', 'bb']::text[])),
    level int NOT NULL CHECK (level BETWEEN 3 AND 7),
    debt numeric(8, 2) NOT NULL CHECK (debt < -5.5),
    share float8 NOT NULL CHECK (share > 0 AND share < 1),
    year smallint NOT NULL CHECK (year > 1990),
    country char(2) NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    code text NOT NULL CHECK (code ~ '^[A-Z]+-[0-9]+$'),
    long text NOT NULL CHECK (length(long) >= 120),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    born date NOT NULL CHECK (born < '2000-01-01'),
    listed jsonb NOT NULL CHECK (jsonb_typeof(listed) = 'array'),
    triple int[] NOT NULL CHECK (cardinality(triple) = 3),
    begins timestamptz NOT NULL, ends timestamptz NOT NULL, CHECK (begins < ends),
    low int NOT NULL, middle int NOT NULL, high int NOT NULL, CHECK (low < middle), CHECK (middle < high),
    user_id int, team_id int, CHECK (num_nonnulls(user_id, team_id) = 1),
    closed_at timestamptz, closed boolean NOT NULL DEFAULT false, CHECK (closed = (closed_at IS NOT NULL)),
    CHECK ((kind = 'a') = (level < 5))
);
CREATE TABLE unique_keys (
    a varchar(2) PRIMARY KEY, b smallint UNIQUE, c uuid UNIQUE, d timestamptz NOT NULL DEFAULT now() UNIQUE,
    e text NOT NULL, f inet UNIQUE, g text UNIQUE NULLS NOT DISTINCT, h int, UNIQUE (h) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX ON unique_keys (lower(e));
CREATE TABLE small_key (flag boolean PRIMARY KEY);
CREATE TABLE shop.tenants (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL UNIQUE);
CREATE TABLE shop.people (
    tenant_id uuid NOT NULL REFERENCES shop.tenants, id bigserial, boss_id bigint, PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, boss_id) REFERENCES shop.people
);
CREATE TABLE shop.projects (
    tenant_id uuid NOT NULL REFERENCES shop.tenants, id int, PRIMARY KEY (tenant_id, id)
);
CREATE TABLE shop.members (
    tenant_id uuid NOT NULL, person_id bigint NOT NULL, project_id int NOT NULL, role mood NOT NULL,
    PRIMARY KEY (tenant_id, person_id, project_id),
    FOREIGN KEY (tenant_id, person_id) REFERENCES shop.people,
    FOREIGN KEY (tenant_id, project_id) REFERENCES shop.projects
);
CREATE TABLE colors (name text PRIMARY KEY CHECK (name IN ('red', 'green', 'blue', 'black')));
CREATE TABLE sizes (id int PRIMARY KEY CHECK (id BETWEEN 1 AND 200));
CREATE TABLE variants (
    color text REFERENCES colors, size int REFERENCES sizes, mood mood, PRIMARY KEY (color, size, mood)
);
CREATE TABLE tree (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, parent_id int NOT NULL REFERENCES tree);
CREATE TABLE forest (id uuid PRIMARY KEY, parent_id uuid REFERENCES forest CHECK (parent_id <> id));
CREATE TABLE one_to_one (id int PRIMARY KEY REFERENCES checked ON DELETE CASCADE, note text);
CREATE TABLE hen (id serial PRIMARY KEY, egg_id int NOT NULL);
CREATE TABLE egg (id serial PRIMARY KEY, hen_id int NOT NULL REFERENCES hen DEFERRABLE);
ALTER TABLE hen ADD FOREIGN KEY (egg_id) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE author (id serial PRIMARY KEY, best_book_id int);
CREATE TABLE book (id serial PRIMARY KEY, author_id int NOT NULL REFERENCES author);
ALTER TABLE author ADD FOREIGN KEY (best_book_id) REFERENCES book;
CREATE TABLE only_defaults (id serial PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE rooms (during tstzrange NOT NULL, area box, EXCLUDE USING gist (during WITH &&));
CREATE TABLE measured (at timestamptz NOT NULL, city text NOT NULL, value int, PRIMARY KEY (at, city))
    PARTITION BY RANGE (at);
CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')
    PARTITION BY LIST (city);
CREATE TABLE measured_1_rome PARTITION OF measured_1 FOR VALUES IN ('rome', 'oslo');
CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM ('2021-01-01') TO ('2021-02-01');
CREATE TABLE hashed (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE listed (kind text NOT NULL, v int) PARTITION BY LIST (kind);
CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('x', 'y');
CREATE TABLE listed_rest PARTITION OF listed DEFAULT;
CREATE TABLE base (id serial PRIMARY KEY, label text NOT NULL);
CREATE TABLE derived (extra int NOT NULL) INHERITS (base);
"""

# Only these have fewer rows: their keys have no more values.
FEW = {"public.colors": 4, "public.sizes": 200, "public.small_key": 2}


@pytest.fixture
def empty(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to an empty database."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection


def _reasons(filled: Filled) -> dict[str, str]:
    return {problem.table: problem.reason for problem in filled.problems}


def _value(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_every_kind_of_table_gets_its_rows(empty: psycopg.Connection[Any]) -> None:
    """Each type, check, key, cycle and partition gets valid rows; a second time adds none; the planner knows them."""
    empty.execute(KINDS)
    filled = fill(empty, ROWS)
    assert _reasons(filled).keys() == FEW.keys(), _reasons(filled)
    assert {table: rows for table, rows in filled.tables.items() if rows != ROWS} == FEW
    assert all(_count(empty, table) >= rows for table, rows in filled.tables.items())
    assert _value(empty, "SELECT reltuples FROM pg_class WHERE relname = 'checked'") == ROWS
    assert not any(fill(empty, ROWS).tables.values())


def test_constraints_hold_when_they_are_validated_again(empty: psycopg.Connection[Any]) -> None:
    """Checks and foreign keys that are dropped and made again accept every row."""
    empty.execute(KINDS)
    fill(empty, ROWS)
    remade = empty.execute(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype IN ('c', 'f') AND conrelid <> 0"
        " AND conparentid = 0 AND coninhcount = 0"
    ).fetchall()
    assert len(remade) > 30
    for (statement,) in remade:
        empty.execute(statement)


def test_values_differ_and_some_are_null(empty: psycopg.Connection[Any]) -> None:
    """Rows are no copies of each other, parents are used in turn, and about every seventh free value is missing."""
    empty.execute(KINDS)
    fill(empty, ROWS)
    assert _value(empty, "SELECT count(DISTINCT bm) FROM every_type") == ROWS
    assert _value(empty, "SELECT count(DISTINCT tenant_id) FROM shop.members") > ROWS / 2
    assert _value(empty, "SELECT count(DISTINCT (color, size, mood)) FROM variants") == ROWS
    assert ROWS / 9 < _value(empty, "SELECT count(*) FROM nullable WHERE c IS NULL") < ROWS / 5
    assert _value(empty, "SELECT count(*) FROM forest WHERE parent_id IS NOT NULL") > ROWS / 2
    assert _value(empty, "SELECT count(DISTINCT tableoid) FROM listed") == 2


def test_the_same_schema_gets_the_same_rows(empty: psycopg.Connection[Any]) -> None:
    """Nothing is random: emptied and filled again, a table holds what it held."""
    empty.execute("CREATE EXTENSION vector")
    empty.execute("CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL, w text, x timestamptz, y jsonb, z uuid)")
    digest: LiteralString = "SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM t"
    fill(empty, ROWS)
    before = _value(empty, digest)
    empty.execute("TRUNCATE t")
    fill(empty, ROWS)
    assert _value(empty, digest) == before


def test_own_schema_is_filled(migrated_url: str) -> None:
    """Every table of this project's head has rows afterwards, and Alembic's own table is left alone."""
    with psycopg.connect(migrated_url) as connection:
        version = _value(connection, "SELECT version_num FROM alembic_version")
        filled = fill(connection, ROWS)
        assert filled.problems == ()
        names = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
            " AND NOT relispartition AND relname <> 'alembic_version'"
        ).fetchall()
        assert len(names) > 5
        assert all(_count(connection, name) >= ROWS for (name,) in names)
        assert _value(connection, "SELECT version_num FROM alembic_version") == version


def test_what_cannot_be_filled_is_named(empty: psycopg.Connection[Any]) -> None:
    """Tables that take no row are reported with the reason, and those that need them; the others are filled."""
    empty.execute("""
        CREATE TABLE never (id int PRIMARY KEY, CHECK (false));
        CREATE TABLE needs_never (id serial PRIMARY KEY, never_id int NOT NULL REFERENCES never);
        CREATE TABLE may_need_never (id serial PRIMARY KEY, never_id int REFERENCES never);
        CREATE TABLE no_value (v int NOT NULL CONSTRAINT odd CHECK (v > 5 AND v < 5));
        CREATE TABLE no_partition (v int) PARTITION BY LIST (v);
        CREATE TABLE fine (id int PRIMARY KEY)
    """)
    filled = fill(empty, ROWS)
    reasons = _reasons(filled)
    assert set(reasons) == {"public.never", "public.needs_never", "public.no_value", "public.no_partition"}
    assert "never_check" in reasons["public.never"]
    assert reasons["public.needs_never"].endswith("public.never has no rows to refer to")
    assert "odd" in reasons["public.no_value"]
    assert reasons["public.no_partition"] == "it has no partitions"
    assert filled.tables["public.fine"] == filled.tables["public.may_need_never"] == ROWS
    assert FillProblem("public.never", reasons["public.never"]) in filled.problems


def test_triggers_run_or_are_switched_off_for_the_fill(empty: psycopg.Connection[Any]) -> None:
    """A trigger that works is used; one that refuses rows is off for the fill and then on in the mode it was."""
    empty.execute("""
        CREATE TABLE kept (id int PRIMARY KEY, note text);
        CREATE TABLE log (id int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO log VALUES (NEW.id); NEW.note := ''noted''; RETURN NEW; END';
        CREATE TRIGGER noting BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE refused (id int PRIMARY KEY);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
        CREATE TRIGGER refusing BEFORE INSERT ON refused FOR EACH ROW EXECUTE FUNCTION refuse();
        ALTER TABLE refused ENABLE ALWAYS TRIGGER refusing;
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert _value(empty, "SELECT count(*) FROM kept WHERE note = 'noted'") == ROWS
    assert _count(empty, "public.log") >= ROWS
    assert _value(empty, "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'refusing'") == "A"


def test_checks_that_exclude_each_other_column_by_column(empty: psycopg.Connection[Any]) -> None:
    """Where one kind of row alone suits all checks on several columns together, rows are of that kind."""
    empty.execute("""
        CREATE TABLE users (
            id serial PRIMARY KEY, username text NOT NULL UNIQUE, email text UNIQUE, hash bytea, salt bytea,
            client text, ldap text, method text NOT NULL CHECK (method IN ('LOCAL', 'OAUTH2', 'LDAP')),
            CHECK (method = 'LDAP' OR email IS NOT NULL),
            CHECK (method <> 'LOCAL' OR (hash IS NOT NULL AND salt IS NOT NULL AND client IS NULL AND ldap IS NULL)),
            CHECK (method <> 'LDAP' OR (client IS NULL AND (email IS NOT NULL OR ldap IS NOT NULL))),
            CHECK (method <> 'OAUTH2' OR ldap IS NULL),
            CHECK (method = 'LOCAL' OR (hash IS NULL AND salt IS NULL))
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.users": ROWS}, ())


def test_parents_of_the_kind_that_a_child_may_have(empty: psycopg.Connection[Any]) -> None:
    """A check of the child narrows the parents, of which there are then so many more that each child has its own."""
    empty.execute("""
        CREATE TABLE evaluators (
            id serial PRIMARY KEY, name text NOT NULL, kind text NOT NULL CHECK (kind IN ('LLM', 'CODE', 'BUILTIN')),
            UNIQUE (kind, id)
        );
        CREATE TABLE llm_evaluators (
            id int PRIMARY KEY, kind text NOT NULL DEFAULT 'LLM' CHECK (kind = 'LLM'),
            FOREIGN KEY (kind, id) REFERENCES evaluators (kind, id)
        )
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert filled.tables["public.llm_evaluators"] == ROWS
    assert 2 * ROWS < filled.tables["public.evaluators"] == _count(empty, "public.evaluators")


def test_texts_that_match_patterns(empty: psycopg.Connection[Any]) -> None:
    """LIKE, SIMILAR TO and regular expressions get texts of their form, different ones where they must be."""
    empty.execute(r"""
        CREATE TABLE forms (
            id text PRIMARY KEY CHECK (id LIKE 'usr\_%'),
            reference text NOT NULL UNIQUE CHECK (reference ~ '^[A-Z]{3}-[0-9]{4,}$'),
            card varchar(9) NOT NULL CHECK (card ~ '^\d{4}-\d{4}$'),
            zip text NOT NULL CHECK (zip ~ '^\d{5}(-\d{4})?$'),
            iban text NOT NULL CHECK (iban ~* '^[[:alpha:]]{2}\d{2}( ?[a-z0-9]{4})+$'),
            state text NOT NULL CHECK (state ~ '^(?:draft|live)/[^/]+$'),
            version text NOT NULL CHECK (version SIMILAR TO 'v[0-9]+.[0-9]+(-beta)?')
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.forms": ROWS}, ())
    assert _value(empty, "SELECT count(DISTINCT reference) FROM forms") == ROWS


def test_checks_on_json_and_on_what_is_generated_from_it(empty: psycopg.Connection[Any]) -> None:
    """Objects get the keys that checks, generated columns and unique indexes look for."""
    empty.execute("""
        CREATE TABLE messages (
            message jsonb NOT NULL, message_id text NOT NULL UNIQUE GENERATED ALWAYS AS (message ->> 'id') STORED,
            CHECK (message_id ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')
        );
        CREATE TABLE settings (value json NOT NULL CHECK (
            value ->> 'mode' IN ('light', 'dark') AND value -> 'mode' IS NOT NULL
        ));
        CREATE TABLE events (body jsonb NOT NULL CHECK (body ? 'name' AND jsonb_typeof(body -> 'name') = 'number'))
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert _value(empty, "SELECT count(DISTINCT value ->> 'mode') FROM settings") == 2


def test_texts_that_can_be_read_as_something_else(empty: psycopg.Connection[Any]) -> None:
    """When asked for, text that nothing speaks against is readable as JSON, as a number, as a UUID."""
    empty.execute("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, short varchar(8) NOT NULL)")
    conversions: dict[str, LiteralString] = {
        "json": "ALTER TABLE t ALTER v TYPE json USING v::json",
        "double precision": "ALTER TABLE t ALTER v TYPE float8 USING v::float8",
        "uuid": "ALTER TABLE t ALTER v TYPE uuid USING v::uuid",
    }
    for kind, conversion in conversions.items():
        empty.execute("TRUNCATE t")
        assert fill(empty, ROWS, texts_as=kind).problems == ()
        empty.execute(conversion)
        empty.execute("ALTER TABLE t ALTER v TYPE text")
    empty.execute("TRUNCATE t")
    assert fill(empty, ROWS, texts_as="nothing").problems == ()


def test_indexes_are_whole_after_a_large_fill(empty: psycopg.Connection[Any]) -> None:
    """Indexes that are built after the rows are valid and hold all of them; an invalid one stays as it was."""
    empty.execute("""
        CREATE EXTENSION vector;
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE t (id serial PRIMARY KEY, parent_id int REFERENCES parent, v vector(3), w text);
        CREATE INDEX by_parent ON t (parent_id);
        CREATE INDEX by_word ON t (lower(w));
        CREATE INDEX near ON t USING hnsw (v vector_l2_ops);
        CREATE INDEX broken ON t (w);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass
    """)
    rows = 6_000
    filled = fill(empty, rows, {"public.t"})
    assert filled.problems == ()
    assert filled.tables == {"public.parent": 2_000, "public.t": rows}
    invalid = "SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE NOT (indisvalid AND indisready)"
    assert _value(empty, invalid) == "broken"
    assert _value(empty, "SELECT reltuples FROM pg_class WHERE relname = 'by_word'") == rows
    empty.execute("SET enable_seqscan = off")
    assert _value(empty, "SELECT count(*) FROM t WHERE lower(w) = 'value-5950'") == 1
    assert _value(empty, "SELECT current_setting('session_replication_role')") == "origin"


def test_rows_that_lack_a_parent_are_refused_in_the_quick_way_too(empty: psycopg.Connection[Any]) -> None:
    """A foreign key on a partition of the parents, or one of rows that were there, is looked at; none is broken."""
    empty.execute("""
        CREATE TABLE parent (id int NOT NULL, kind int NOT NULL, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
        CREATE TABLE parent_1 PARTITION OF parent FOR VALUES IN (1);
        CREATE TABLE parent_2 PARTITION OF parent FOR VALUES IN (2);
        CREATE TABLE child (id serial PRIMARY KEY, parent_id int NOT NULL, kind int NOT NULL);
        ALTER TABLE child ADD FOREIGN KEY (parent_id, kind) REFERENCES parent_2 (id, kind);
        ALTER TABLE child ADD FOREIGN KEY (parent_id, kind) REFERENCES parent (id, kind);
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    orphans = "SELECT count(*) FROM child c WHERE NOT EXISTS (SELECT FROM parent_2 p WHERE p.id = c.parent_id)"
    assert _value(empty, orphans) == 0


def test_a_full_database_is_only_counted(migrated_url: str) -> None:
    """The second fill neither reads the whole catalog nor analyzes: it asks two questions."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        fill(connection, ROWS)
        connection.execute("CREATE TEMP TABLE dummy ()")
        assert fill(connection, ROWS) == Filled({}, ())
        assert fill(connection, ROWS, {"public.users"}) == Filled({}, ())


def test_rows_that_are_there_stay(empty: psycopg.Connection[Any]) -> None:
    """A table is filled up around its rows; one that has enough is not touched."""
    empty.execute("""
        CREATE TABLE part_one (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
        INSERT INTO part_one (name) VALUES ('value-17'), ('mine');
        CREATE TABLE full_one AS SELECT generate_series(1, 300) AS v;
        ALTER TABLE full_one ADD CHECK (v < 301)
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert filled.tables == {"public.part_one": ROWS - 2}
    assert _value(empty, "SELECT count(*) FROM part_one WHERE name IN ('value-17', 'mine')") == 2


def test_types_of_extensions(empty: psycopg.Connection[Any]) -> None:
    """Types of hstore, ltree, citext and cube get values, also when the extension's schema is not on the path."""
    offered = _value(empty, "SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'ltree', 'citext')")
    if offered < 3:
        pytest.skip("the server does not offer these extensions")
    empty.execute("""
        CREATE SCHEMA ext;
        CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
        CREATE EXTENSION cube SCHEMA ext;
        CREATE TABLE t (
            a ext.hstore NOT NULL, b ext.ltree NOT NULL UNIQUE, c ext.citext NOT NULL UNIQUE, d ext.cube NOT NULL
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.t": ROWS}, ())


def test_a_type_ends_before_the_rows_do(empty_url: str) -> None:
    """Where the numbers of a type run out, the table has no room, and is said to have none."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE settings (id smallint PRIMARY KEY CHECK (id = 1), theme text)")
        connection.execute("INSERT INTO settings VALUES (1, 'dark')")
        connection.execute("CREATE TABLE odd (id smallint PRIMARY KEY CHECK (id % 100 = 1))")
        connection.execute("CREATE TABLE half (id smallint PRIMARY KEY CHECK (id % 2 = 1))")
        found = fill(connection, ROWS * 2)

    assert found.tables["public.half"] == ROWS * 2
    assert 200 <= found.tables["public.odd"] < ROWS * 2
    assert {problem.table for problem in found.problems} == {"public.settings", "public.odd"}
    assert {problem.table for problem in found.problems if NO_ROOM in problem.reason} == {"public.settings"}


def test_only_what_the_catalog_proves_is_small(empty: psycopg.Connection[Any]) -> None:
    """A table is small by nature where its keys allow few values, and not where no further value was found."""
    empty.execute("""
        CREATE TYPE mood AS ENUM ('a', 'b', 'c');
        CREATE SCHEMA small; CREATE SCHEMA open;
        CREATE TABLE small.one (id int PRIMARY KEY CHECK (id = 1), n int);
        CREATE TABLE small.serial (id serial PRIMARY KEY, v int NOT NULL, CONSTRAINT single CHECK (id = 1));
        CREATE TABLE small.range (id int CHECK (id BETWEEN 1 AND 5) UNIQUE NOT NULL, n int);
        CREATE TABLE small.above (id smallint PRIMARY KEY CHECK (id > 0 AND id < 10), n int);
        CREATE TABLE small.list (id bigint PRIMARY KEY CHECK (id IN (1, 2, 1000000)), n int);
        CREATE TABLE small.words (k varchar(20) PRIMARY KEY CHECK (k IN ('mail', 'web')), n int);
        CREATE TABLE small.flag (only_one bool PRIMARY KEY DEFAULT true CHECK (only_one), n int);
        CREATE TABLE small.enum (m mood, f bool, n int, PRIMARY KEY (m, f));
        CREATE TABLE small.child (id int PRIMARY KEY REFERENCES small.range (id), n int);
        CREATE TABLE small.constant (v text);
        CREATE UNIQUE INDEX ON small.constant ((1));
        CREATE TABLE small.truth (id serial, v text);
        CREATE UNIQUE INDEX ON small.truth ((id IS NOT NULL));
        CREATE TABLE open.modulo (id int PRIMARY KEY CHECK (id % 1000000000 = 7), n int);
        CREATE TABLE open.nullable (id int UNIQUE CHECK (id = 1), v int UNIQUE CHECK (v + v = 8));
        CREATE TABLE open.partial (id int NOT NULL, v int NOT NULL CHECK (v + v = 8) UNIQUE);
        CREATE UNIQUE INDEX ON open.partial ((1)) WHERE id = 2;
        CREATE TABLE open.week (starts date NOT NULL UNIQUE, ends date NOT NULL, CHECK (ends = starts + 7));
        CREATE TABLE open.book (s timestamptz NOT NULL DEFAULT now(), EXCLUDE USING gist (tstzrange(s, s) WITH =));
        CREATE TABLE open.far (id int PRIMARY KEY CHECK (id BETWEEN 1 AND 1000000 AND id * 7919 % 1000000 < 2));
        CREATE TABLE open.upper (k text PRIMARY KEY CHECK (k || k = 'aa'), n int);
        CREATE TABLE open.parted (id int PRIMARY KEY CHECK (id = 1)) PARTITION BY LIST (id);
        CREATE TABLE open.parted_1 PARTITION OF open.parted FOR VALUES IN (1);
    """)
    small = {problem.table for problem in fill(empty, ROWS).problems if NO_ROOM in problem.reason}
    tables = empty.execute("SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE relkind = 'r'")
    names = {str(name) for (name,) in tables}

    assert small == {name for name in names if name.startswith("small.")}
