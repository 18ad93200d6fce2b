"""What a filled table has."""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from adapter.outbound.migration.rows import Filled

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


def reasons_of(filled: Filled) -> dict[str, str]:
    """Return why each problematic table was not filled."""
    return {problem.table: problem.reason for problem in filled.problems}


def value_of(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    """Return the only value of a query."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def count_of(connection: psycopg.Connection[Any], table: str) -> int:
    """Return how many rows a table has."""
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
