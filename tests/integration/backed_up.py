"""A database with something of everything that a backup must bring back, and the calls that tests make."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import psycopg

from adapter.bootstrap.backup import BackupRequest, backup_taker
from adapter.outbound.migration.target.backup.place import ServerPlace
from adapter.outbound.migration.target.backup.store import FolderStore
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.restore import RestoreBackup, Restored
from domain.migration.deployment.backup import Backup, BackupScope

SHOP = """
CREATE EXTENSION vector;
CREATE SCHEMA "My.Shop";
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE FUNCTION twice(value integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT value * 2';
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1');
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, feels mood DEFAULT 'happy',
    score integer, doubled integer GENERATED ALWAYS AS (score * 2) STORED);
INSERT INTO users (name, score) SELECT 'user ' || i, i FROM generate_series(1, 500) i;
CREATE TABLE "My.Shop"."Odd|""Name"".*" (id serial PRIMARY KEY, user_id bigint REFERENCES users, note text);
INSERT INTO "My.Shop"."Odd|""Name"".*" (user_id, note)
SELECT i, E'tab\\t and \\\\ and ''' || i FROM generate_series(1, 300) i;
CREATE TABLE orders (id bigint, at date, user_id bigint REFERENCES users, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO orders SELECT i, date '2026-01-01' + i % 59, i % 500 + 1 FROM generate_series(1, 400) i;
CREATE TABLE chunks (id integer PRIMARY KEY, embedding vector(3));
INSERT INTO chunks SELECT i, ARRAY[i, 1, 2]::vector FROM generate_series(1, 50) i;
CREATE INDEX ON chunks USING hnsw (embedding vector_l2_ops);
CREATE SEQUENCE loose START 7;
SELECT nextval('loose');
CREATE INDEX users_twice ON users (twice(score)) WHERE score > 10;
CREATE VIEW happy AS SELECT * FROM users WHERE feels = 'happy';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS users FROM users;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
COMMENT ON COLUMN users.name IS 'what it''s called';
SELECT lo_from_bytea(0, 'large');
"""
USERS, ORDERS, ODD = "public.users", "public.orders", '"My.Shop"."Odd|""Name"".*"'


def taken(url: str, scope: BackupScope, folder: Path, touched: Collection[str] | None = None, **more: Any) -> Backup:
    """Take a backup, and return it."""
    database = DatabaseURL.parse(url)
    backup = backup_taker(database, BackupRequest(scope, folder, **more)).take(scope, touched)
    assert backup is not None
    return backup


def restored(url: str, backup: Backup, database: str = "") -> Restored:
    """Restore a backup into a new database of the same server."""
    return RestoreBackup(FolderStore(), ServerPlace(DatabaseURL.parse(url)))(backup.path, database)


def drop(url: str, database: str) -> None:
    """Drop a restored database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'.encode())


def databases(url: str) -> set[str]:
    """Return the names of all databases of a server."""
    with psycopg.connect(url) as connection:
        return {str(name) for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}
