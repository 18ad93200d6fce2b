"""The walk through all catalogs of Postgres: a statement that changes one changes the snapshot."""

import psycopg
import pytest
from psycopg import sql

from adapter.outbound.migration.catalog.inspector import snapshot
from tests.integration.inspector.schema import Connection

# A statement for each catalog that changes its rows, after what is needed for it.
CHANGED: dict[str, tuple[str, str]] = {
    "pg_aggregate": ("", "CREATE OR REPLACE AGGREGATE shop.total(integer) (sfunc = int4pl, stype = integer)"),
    "pg_am": ("", "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler"),
    "pg_amop": (
        (
            "CREATE FUNCTION shop.before(shop.gap, shop.gap) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT true';"
            "CREATE OPERATOR shop.<<< (FUNCTION = shop.before, LEFTARG = shop.gap, RIGHTARG = shop.gap)"
        ),
        "ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 shop.<<< (shop.gap, shop.gap)",
    ),
    "pg_amproc": (
        "",
        "ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 (shop.gap) shop.compare(shop.gap, shop.gap)",
    ),
    "pg_attrdef": ("", "ALTER TABLE shop.users ALTER age SET DEFAULT 1"),
    "pg_attribute": ("", "ALTER TABLE shop.users ALTER name SET STATISTICS 7"),
    "pg_auth_members": ("GRANT app_owner TO app_reader", "GRANT app_owner TO app_reader WITH ADMIN OPTION"),
    "pg_authid": ("", "ALTER ROLE app_reader BYPASSRLS"),
    "pg_cast": ("", "CREATE CAST (shop.gap AS text) WITH INOUT"),
    "pg_class": ("", "ALTER TABLE shop.users FORCE ROW LEVEL SECURITY"),
    "pg_collation": ("", "ALTER COLLATION shop.plain OWNER TO app_owner"),
    "pg_constraint": (
        "ALTER TABLE shop.users ADD CONSTRAINT c CHECK (age < 200) NOT VALID",
        "ALTER TABLE shop.users VALIDATE CONSTRAINT c",
    ),
    "pg_conversion": ("", "CREATE CONVERSION shop.conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"),
    "pg_database": ("", "ALTER DATABASE hexalembic_inspector CONNECTION LIMIT 7"),
    "pg_db_role_setting": ("", "ALTER ROLE app_reader SET work_mem = '8MB'"),
    "pg_default_acl": ("", "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"),
    "pg_depend": ("", "ALTER FUNCTION shop.twice DEPENDS ON EXTENSION vector"),
    "pg_description": ("", "COMMENT ON FUNCTION pg_catalog.now() IS 'what time is it?'"),
    "pg_enum": ("", "ALTER TYPE shop.status RENAME VALUE 'new' TO 'fresh'"),
    "pg_event_trigger": ("", "ALTER EVENT TRIGGER watch DISABLE"),
    "pg_extension": ("", "ALTER EXTENSION vector SET SCHEMA shop"),
    "pg_foreign_data_wrapper": ("", "ALTER FOREIGN DATA WRAPPER nowhere OPTIONS (ADD debug 'on')"),
    "pg_foreign_server": ("", "ALTER SERVER far VERSION '2'"),
    "pg_foreign_table": (
        "CREATE FOREIGN TABLE shop.elsewhere (id integer) SERVER far",
        "ALTER FOREIGN TABLE shop.elsewhere OPTIONS (ADD name 'there')",
    ),
    "pg_index": ("", "ALTER TABLE shop.users CLUSTER ON users_name_idx"),
    "pg_inherits": ("", "ALTER TABLE shop.events DETACH PARTITION shop.events_2026"),
    "pg_language": ("", "REVOKE USAGE ON LANGUAGE sql FROM PUBLIC"),
    "pg_namespace": ("", "REVOKE USAGE ON SCHEMA pg_catalog FROM PUBLIC"),
    "pg_opclass": ("", "ALTER OPERATOR CLASS shop.gap_ops USING btree RENAME TO other_ops"),
    "pg_operator": ("", "ALTER OPERATOR shop.~~~ (shop.address, shop.address) SET (RESTRICT = eqsel)"),
    "pg_opfamily": ("", "ALTER OPERATOR FAMILY shop.gap_ops USING btree OWNER TO app_owner"),
    "pg_parameter_acl": ("", "GRANT SET ON PARAMETER log_statement TO app_reader"),
    "pg_partitioned_table": (
        "CREATE TABLE shop.others (at timestamptz NOT NULL, kind text)",
        "ALTER TABLE shop.events ATTACH PARTITION shop.others DEFAULT",
    ),
    "pg_policy": ("", "ALTER POLICY users_own ON shop.users USING (true)"),
    "pg_proc": ("", "ALTER FUNCTION shop.twice SECURITY DEFINER"),
    "pg_publication": ("", "ALTER PUBLICATION feed SET (publish = 'insert')"),
    "pg_publication_namespace": ("", "ALTER PUBLICATION feed ADD TABLES IN SCHEMA public"),
    "pg_publication_rel": ("", "ALTER PUBLICATION feed SET TABLE shop.users (id, name)"),
    "pg_range": ("", "CREATE TYPE shop.range AS RANGE (subtype = integer)"),
    "pg_rewrite": ("", "ALTER TABLE shop.orders DISABLE RULE orders_keep"),
    # No module that takes labels is at hand.
    "pg_seclabel": (
        "",
        "INSERT INTO pg_seclabel VALUES ('shop.users'::regclass, 'pg_class'::regclass, 0, 'guard', 'secret')",
    ),
    "pg_sequence": ("", "ALTER SEQUENCE shop.numbers CACHE 7"),
    "pg_shdepend": ("", "ALTER TABLE shop.users OWNER TO app_owner"),
    "pg_shdescription": ("", "COMMENT ON DATABASE hexalembic_inspector IS 'shop'"),
    "pg_statistic_ext": ("", "ALTER STATISTICS shop.users_stats SET STATISTICS 7"),
    "pg_subscription": (
        "",
        (
            "CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere' PUBLICATION feed"
            " WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false)"
        ),
    ),
    "pg_transform": (
        "",
        "CREATE TRANSFORM FOR integer LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
    ),
    "pg_trigger": ("", "ALTER TABLE shop.users DISABLE TRIGGER users_stamp"),
    "pg_ts_config": ("", "ALTER TEXT SEARCH CONFIGURATION shop.search OWNER TO app_owner"),
    "pg_ts_config_map": ("", "ALTER TEXT SEARCH CONFIGURATION shop.search DROP MAPPING FOR word"),
    "pg_ts_dict": ("", "ALTER TEXT SEARCH DICTIONARY shop.stems (stopwords = danish)"),
    "pg_ts_parser": (
        "",
        (
            "CREATE TEXT SEARCH PARSER shop.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,"
            " LEXTYPES = prsd_lextype)"
        ),
    ),
    "pg_ts_template": ("", "CREATE TEXT SEARCH TEMPLATE shop.template (LEXIZE = dsimple_lexize)"),
    "pg_type": ("", "ALTER TYPE shop.status OWNER TO app_owner"),
    "pg_user_mapping": ("", "DROP USER MAPPING FOR PUBLIC SERVER far"),
}

# Why a catalog is not read.
NOT_READ = {
    "pg_init_privs": "what a role has beyond these is read as privileges; only Postgres and extensions write them",
    "pg_largeobject": "rows, which the digest of the rows has",
    "pg_largeobject_metadata": "rows, which the digest of the rows has",
    "pg_replication_origin": "progress of replication, which the sandbox does not run",
    "pg_shseclabel": "labels of roles and databases need a module of the server",
    "pg_statistic": "collected from rows",
    "pg_statistic_ext_data": "collected from rows",
    "pg_subscription_rel": "progress of replication, which the sandbox does not run",
    "pg_tablespace": "folders of the server, which the sandbox gives a place of its own",
}
_CATALOGS = "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"


def _rows(connection: Connection, catalog: str) -> object:
    query = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
    return connection.execute(sql.SQL(query).format(sql.Identifier(catalog))).fetchone()


def test_every_catalog_is_walked(connection: Connection) -> None:
    """A catalog that a newer Postgres adds needs a statement that changes it, or a reason why it is not read."""
    catalogs = {name for (name,) in connection.execute(_CATALOGS).fetchall()}
    assert catalogs <= CHANGED.keys() | NOT_READ.keys()
    assert not CHANGED.keys() & NOT_READ.keys()


@pytest.mark.parametrize("catalog", CHANGED)
def test_a_changed_catalog_changes_the_snapshot(connection: Connection, catalog: str) -> None:
    """Whatever catalog a statement writes, a downgrade that forgets to undo it is noticed."""
    needed, change = CHANGED[catalog]
    connection.execute(needed.encode())
    rows, before = _rows(connection, catalog), snapshot(connection)
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(change.encode())

    assert _rows(connection, catalog) != rows
    assert snapshot(connection) != before
