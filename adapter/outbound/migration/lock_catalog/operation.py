"""An operation of the lock catalog, as data: its setup, and the single statement that is measured.

An operation has either SQL, or the Alembic call that emits it. The tables of `TABLES` are recreated for each operation,
and its `setup` may add more. The names of indexes and sequences start with the name of their table (`orders_note_idx`),
and names of other relations do not, so that the page can omit locks on indexes that the table's lock covers.
"""

from dataclasses import dataclass

SCHEMA = "shop"

TABLES = """
RESET ALL;
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE SCHEMA shop;
SET search_path = shop, public;
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, quantity int, price numeric(10,2), note varchar(50),
    body text, placed_at timestamp, details json);
INSERT INTO users SELECT g, 'user ' || g FROM generate_series(1, 1000) g;
INSERT INTO orders SELECT g, g, mod(g, 9) + 1, g, 'note ' || g, lpad(g::text, 32, '0'), '2026-01-01', '{}'
    FROM generate_series(1, 1000) g;
ANALYZE users, orders;
"""
BOOKED = """
ALTER TABLE orders ADD CONSTRAINT orders_user_fk FOREIGN KEY (user_id) REFERENCES users;
"""
NOTE_INDEX = "CREATE INDEX orders_note_idx ON orders (note);"
PARTITIONS = """
CREATE TABLE events (id bigint NOT NULL, day int NOT NULL, user_id bigint) PARTITION BY RANGE (day);
CREATE TABLE january PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE february (id bigint NOT NULL, day int NOT NULL, user_id bigint);
INSERT INTO january SELECT g, mod(g, 100), g FROM generate_series(1, 1000) g;
INSERT INTO february SELECT g, 100 + mod(g, 100), g FROM generate_series(1, 1000) g;
ANALYZE january, february;
"""
DEFAULT = """
CREATE TABLE others PARTITION OF events DEFAULT;
INSERT INTO others SELECT g, 5000, g FROM generate_series(1, 1000) g;
"""
VECTORS = """
CREATE TABLE chunks (id bigint PRIMARY KEY, body text, numbers real[], embedding vector(8));
INSERT INTO chunks SELECT g, 'chunk ' || g, ARRAY[g,2,3,4,5,6,7,8], ('[' || g || ',2,3,4,5,6,7,8]')::vector
    FROM generate_series(1, 1000) g;
"""
HNSW = "CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_l2_ops);"
IVFFLAT = "CREATE INDEX chunks_embedding_idx ON chunks USING ivfflat (embedding vector_l2_ops) WITH (lists = 10);"
TRIGGER = """
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamped BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
"""
VIEW = "CREATE VIEW cheap AS SELECT id, quantity FROM orders WHERE price < 10;"
SUMMARY = """
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(price) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user_idx ON totals (user_id);
"""
STATUS = "CREATE TYPE status AS ENUM ('new', 'paid'); ALTER TABLE orders ADD COLUMN status status DEFAULT 'new';"
AMOUNT = "CREATE DOMAIN amount AS numeric; ALTER TABLE orders ADD COLUMN paid amount; UPDATE orders SET paid = 1;"


@dataclass(frozen=True)
class Operation:
    """An operation that is measured.

    Attributes:
        group: The section of the page.
        name: The name of the operation, unique in its group.
        sql: Its statement; empty where an Alembic call emits it.
        alembic: The Alembic call that emits it; empty where `sql` is set.
        setup: SQL that prepares it, after `TABLES`.
        table: The table that it changes.
        settings: `SET` commands for its session.
        note: A remark on the page, such as a safer way; may be empty.
    """

    group: str
    name: str
    sql: str = ""
    alembic: str = ""
    setup: str = ""
    table: str = "orders"
    settings: str = ""
    note: str = ""
