"""Every revision goes up, down and up again, on a database with rows in it."""

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from tests.catalogs import EMPTY, assert_equal, catalog, rows
from tests.support import alembic_config

SCRIPT = ScriptDirectory.from_config(alembic_config(""))
REVISIONS = [revision.revision for revision in reversed(list(SCRIPT.walk_revisions()))]

# Rows of the code of that time, inserted once the revision that made their tables is applied.
SEEDS = {
    "4f1c2a9d7b30": """
        INSERT INTO users (email, name, age, status, deleted_at)
        SELECT 'user' || n || '@example.org', 'User ' || n, 18 + n % 60,
               CASE WHEN n % 7 = 0 THEN 'INACTIVE' ELSE 'ACTIVE' END::userstatus,
               CASE WHEN n % 11 = 0 THEN now() END
        FROM generate_series(1, 200) AS n;
        INSERT INTO profiles (user_id, bio, preferences)
        SELECT id, 'About ' || name,
               CASE age % 3 WHEN 0 THEN '{"locale": "es"}' WHEN 1 THEN '{"locale": "xx"}' ELSE '{}' END::jsonb
        FROM users;
        INSERT INTO products (name, description, price, stock)
        SELECT 'Product ' || n, 'Text ' || n, n * 1.25, n * 3 FROM generate_series(1, 50) AS n;
        INSERT INTO orders (user_id, order_number, status, total_amount)
        SELECT id, 'N-' || email, 'PAID', 10 FROM users;
        INSERT INTO order_products (order_id, product_id, quantity, unit_price)
        SELECT o.id, p.id, 2, 5 FROM orders o CROSS JOIN (SELECT id FROM products LIMIT 3) AS p;
    """,
    "8a6e05d1c2f4": """
        INSERT INTO documents (title, source, metadata, tags, content_hash)
        SELECT 'Title ' || n, 'file-' || n, '{"n": 1}', ARRAY['en', 'test'], encode(sha256(n::text::bytea), 'hex')
        FROM generate_series(1, 40) AS n;
        INSERT INTO chunks (document_id, position, content, embedding, embedding_model)
        SELECT id, 0, 'Text of ' || title,
               (SELECT array_agg(random()) FROM generate_series(1, 256))::vector(256), 'test'
        FROM documents;
    """,
}


@pytest.mark.few(1)
def test_stairway(empty_url: str) -> None:
    """Each downgrade gives back the catalog and the rows before its upgrade, and a second upgrade those after it."""
    config = alembic_config(empty_url)
    before = catalog(empty_url)
    rows_before = rows(empty_url)
    for revision in REVISIONS:
        command.upgrade(config, revision)
        after, rows_after = catalog(empty_url), rows(empty_url)
        command.downgrade(config, "-1")

        assert_equal(before, catalog(empty_url))
        assert rows(empty_url) == rows_before, revision

        command.upgrade(config, revision)

        assert_equal(after, catalog(empty_url))
        assert rows(empty_url) == rows_after, revision

        if revision in SEEDS:
            with psycopg.connect(empty_url) as connection:
                connection.execute(SEEDS[revision])
        before, rows_before = after, rows(empty_url)


def test_all_the_way_down_and_up(migrated_url: str) -> None:
    """From head to base nothing is left but Alembic's table; from there to head all is as before."""
    config = alembic_config(migrated_url)
    head = catalog(migrated_url)
    command.downgrade(config, "base")
    base = catalog(migrated_url)

    assert set(base.objects) == EMPTY

    command.upgrade(config, "head")

    assert_equal(head, catalog(migrated_url))


def test_upgrade_at_head_changes_nothing(migrated_url: str) -> None:
    """A second `upgrade head` leaves catalog and rows as they are."""
    before = catalog(migrated_url), rows(migrated_url)
    command.upgrade(alembic_config(migrated_url), "head")

    assert (catalog(migrated_url), rows(migrated_url)) == before


def test_extension_that_was_there_stays(empty_url: str) -> None:
    """An extension that the history did not create is not dropped by its downgrade."""
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE EXTENSION vector")
    command.upgrade(alembic_config(empty_url), "head")
    command.downgrade(alembic_config(empty_url), "base")
    with psycopg.connect(empty_url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone()

    assert found == (1,)


def test_extension_that_others_use_stays(empty_url: str) -> None:
    """An extension that the history created, but another application uses by now, is left without an error."""
    command.upgrade(alembic_config(empty_url), "head")
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE SCHEMA other")
        connection.execute("CREATE TABLE other.t (v vector(3))")
    command.downgrade(alembic_config(empty_url), "base")
    with psycopg.connect(empty_url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone()

    assert found == (1,)


def test_pending_users_survive_the_downgrade_of_the_enum(migrated_url: str) -> None:
    """Taking PENDING away turns pending users inactive, and touches nobody else."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute(
            "INSERT INTO users (email, name, status) VALUES ('a@example.org', 'A', 'PENDING'), "
            "('b@example.org', 'B', 'ACTIVE')"
        )
    command.downgrade(alembic_config(migrated_url), "c37b9f20e581")
    with psycopg.connect(migrated_url) as connection:
        found = connection.execute("SELECT email, status::text FROM users ORDER BY 1").fetchall()

    assert found == [("a@example.org", "INACTIVE"), ("b@example.org", "ACTIVE")]


def test_backfill_goes_on_where_it_stopped(empty_url: str) -> None:
    """The backfill fills what is null, batch by batch, and leaves what somebody wrote meanwhile and `updated_at`."""
    config = alembic_config(empty_url)
    command.upgrade(config, "2ea7159c84f3")
    with psycopg.connect(empty_url) as connection:
        connection.execute(
            "INSERT INTO users (email, name) SELECT n || '@example.org', 'U' FROM generate_series(1, 12000) AS n"
        )
        connection.execute(
            "INSERT INTO profiles (user_id, preferences, locale, updated_at) "
            "SELECT id, '{\"locale\": \"es\"}', NULL, '2020-01-01' FROM users"
        )
        connection.execute("UPDATE profiles SET locale = 'fr' WHERE user_id IN (SELECT id FROM users LIMIT 100)")
    command.upgrade(config, "90d5b3c6f1e7")
    with psycopg.connect(empty_url) as connection:
        found = connection.execute("SELECT locale, count(*) FROM profiles GROUP BY 1 ORDER BY 1").fetchall()
        untouched = connection.execute("SELECT count(*) FROM profiles WHERE updated_at = '2020-01-01'").fetchone()
        transactions = connection.execute(
            "SELECT count(DISTINCT xmin::text) FROM profiles WHERE locale = 'es'"
        ).fetchone()

    assert found == [("es", 11900), ("fr", 100)]
    assert untouched == (11900,)  # the trigger noted the hundred updates above, and no other
    assert transactions == (3,)  # 12,000 rows in batches of 5,000


def test_one_head() -> None:
    """The history has one head and one base."""
    assert len(SCRIPT.get_heads()) == 1
    assert len(SCRIPT.get_bases()) == 1


def test_revisions_say_what_they_do() -> None:
    """Each revision's docstring states purpose, phase, locks and what its downgrade loses; its file name is dated."""
    for revision in SCRIPT.walk_revisions():
        for heading in ("Purpose: ", "Phase: ", "Locks: ", "Downgrade loses data: "):
            assert heading in (revision.module.__doc__ or ""), f"{revision.path} lacks {heading!r}"
        stamp, time, identifier, *_ = revision.path.rpartition("/")[2].split("_")
        assert (len(stamp), len(time), identifier) == (8, 4, revision.revision)
