"""The keys of an index are read out of its definition as the server itself takes them apart."""

import psycopg

from domain.migration.index_definition import key_columns

TABLE = """
CREATE SCHEMA "S ("; CREATE TABLE "S ("."t"", USING" ("a""b" text, "Mixed Case" text, "x.y" text,
    "it's" text, "c)d, e" text, plain text, n numeric, born date);
CREATE FUNCTION "S ("."F,"(text, text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT $1 || $2 $$
"""
KEYS = (
    """ "a""b" DESC, "Mixed Case" text_pattern_ops, "x.y" COLLATE "C" NULLS FIRST""",
    """ "it's", "c)d, e", plain""",
    """ lower(plain) DESC, "S ("."F,"("it's", ') USING (') NULLS LAST, coalesce("c)d, e", '"')""",
    """ (plain || '''),('), (n + 1) DESC, extract(year FROM born), (n::text) COLLATE "C" text_pattern_ops""",
)


def test_keys_as_the_server_takes_them_apart(empty_url: str) -> None:
    """Each key is the column or expression that `pg_get_indexdef` gives by number."""
    with psycopg.connect(empty_url) as connection:
        connection.execute(TABLE.encode())
        for number, keys in enumerate(KEYS):
            name = f'"i{number} USING btree ("'
            connection.execute(f'CREATE UNIQUE INDEX {name} ON "S ("."t"", USING" ({keys}) WHERE n > 0'.encode())
            row = connection.execute(
                "SELECT pg_get_indexdef(i.oid), array(SELECT pg_get_indexdef(i.oid, k, false)"
                " FROM generate_series(1, i.relnatts) AS k) FROM pg_class AS i WHERE i.relname = %s",
                [f"i{number} USING btree ("],
            ).fetchone()
            assert row is not None
            assert key_columns(row[0]) == row[1]
