"""Changes of what is no part of a schema: roles, the database, and what Postgres and extensions have made."""

from tests.integration.inspector.change import Change, alter, appears, comment, grant

_DATABASE = ("database", "itself")

SERVER: dict[str, Change] = {
    "role": appears("CREATE ROLE app_writer", "DROP ROLE app_writer", ("role", "app_writer")),
    "role without login": alter("role", "app_reader", "logs_in", "LOGIN", "NOLOGIN", head="ALTER ROLE app_reader"),
    "role limit": alter(
        "role", "app_reader", "connection_limit", "CONNECTION LIMIT 5", "CONNECTION LIMIT -1",
        head="ALTER ROLE app_reader",
    ),
    "role expires": alter(
        "role", "app_reader", "valid_until", "VALID UNTIL '2030-01-01'", "VALID UNTIL 'infinity'",
        head="ALTER ROLE app_reader",
    ),
    "role comment": comment("ROLE app_reader", ("role", "app_reader")),
    "comment of a built-in role": appears(
        "COMMENT ON ROLE pg_monitor IS 'why'", "COMMENT ON ROLE pg_monitor IS NULL", ("role", "pg_monitor")
    ),
    "membership": appears(
        "GRANT app_owner TO app_reader", "REVOKE app_owner FROM app_reader", ("membership", "app_reader in app_owner")
    ),
    "parameter privileges": appears(
        "GRANT SET ON PARAMETER log_statement TO app_reader",
        "REVOKE SET ON PARAMETER log_statement FROM app_reader",
        ("parameter privileges", "log_statement"),
        since=15,
    ),
    "database limit": alter(
        *_DATABASE, "connection_limit", "CONNECTION LIMIT 7", "CONNECTION LIMIT -1",
        head="ALTER DATABASE hexalembic_inspector",
    ),
    "database template": alter(
        *_DATABASE, "is_template", "IS_TEMPLATE true", "IS_TEMPLATE false", head="ALTER DATABASE hexalembic_inspector"
    ),
    "database owner": alter(
        *_DATABASE, "owner", "OWNER TO app_owner", "OWNER TO CURRENT_USER", head="ALTER DATABASE hexalembic_inspector"
    ),
    "database comment": comment("DATABASE hexalembic_inspector", _DATABASE),
    "database grant": grant("CREATE ON DATABASE hexalembic_inspector", _DATABASE),
    "language": appears(
        "CREATE LANGUAGE other HANDLER plpgsql_call_handler", "DROP LANGUAGE other", ("language", "other")
    ),
    "transform": appears(
        "CREATE TRANSFORM FOR integer LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
        "DROP TRANSFORM FOR integer LANGUAGE plpgsql",
        ("transform", "for integer language plpgsql"),
    ),
    "conversion": appears(
        "CREATE CONVERSION shop.conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
        "DROP CONVERSION shop.conversion",
        ("conversion", "shop.conversion"),
    ),
    "access method": appears(
        "CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler",
        "DROP ACCESS METHOD other",
        ("access method", "other"),
    ),
    "text search parser": appears(
        "CREATE TEXT SEARCH PARSER shop.parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,"
        " LEXTYPES = prsd_lextype)",
        "DROP TEXT SEARCH PARSER shop.parser",
        ("text search parser", "shop.parser"),
    ),
    "text search template": appears(
        "CREATE TEXT SEARCH TEMPLATE shop.template (LEXIZE = dsimple_lexize)",
        "DROP TEXT SEARCH TEMPLATE shop.template",
        ("text search template", "shop.template"),
    ),
    "operator family": appears(
        "CREATE OPERATOR FAMILY shop.more USING btree",
        "DROP OPERATOR FAMILY shop.more USING btree",
        ("operator family", "shop.more USING btree"),
    ),
    "subscription": appears(
        "CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere' PUBLICATION feed"
        " WITH (connect = false, slot_name = NONE, enabled = false, create_slot = false)",
        "DROP SUBSCRIPTION feed",
        ("subscription", "feed"),
    ),
    "privileges on a built-in function": appears(
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app_reader",
        "REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM app_reader",
        ("privileges", "on function pg_catalog.pg_read_file(pg_catalog.text)"),
    ),
    "privileges on a member of an extension": appears(
        "REVOKE EXECUTE ON FUNCTION vector_norm(vector) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION vector_norm(vector) TO PUBLIC",
        ("privileges", "on function public.vector_norm(public.vector)"),
    ),
    "privileges on a column of a catalog": appears(
        "GRANT SELECT (rolpassword) ON pg_authid TO app_reader",
        "REVOKE SELECT (rolpassword) ON pg_authid FROM app_reader",
        ("privileges", "on table column pg_catalog.pg_authid.rolpassword"),
    ),
    "privileges on the information schema": appears(
        "REVOKE SELECT ON information_schema.collations FROM PUBLIC",
        "GRANT SELECT ON information_schema.collations TO PUBLIC",
        ("privileges", "on view information_schema.collations"),
    ),
    "comment of a built-in cast": Change(
        "COMMENT ON CAST (integer AS bigint) IS 'why'",
        ("built-in comments", "of Postgres"),
        "digest",
        "COMMENT ON CAST (integer AS bigint) IS NULL",
    ),
    "comment of a member of an extension": Change(
        "COMMENT ON OPERATOR <-> (vector, vector) IS 'why'",
        ("extension", "vector"),
        "comments",
        "COMMENT ON OPERATOR <-> (vector, vector) IS NULL",
    ),
    "comment of an extension": Change(
        "COMMENT ON EXTENSION vector IS 'why'", ("extension", "vector"), "comment"
    ),
    "function of an extension": Change(
        "ALTER FUNCTION vector_norm(vector) SECURITY DEFINER",
        ("extension", "vector"),
        "functions",
        "ALTER FUNCTION vector_norm(vector) SECURITY INVOKER",
    ),
    "extension dependency": appears(
        "ALTER FUNCTION shop.twice DEPENDS ON EXTENSION vector",
        "ALTER FUNCTION shop.twice NO DEPENDS ON EXTENSION vector",
        ("extension dependency", "function shop.twice(integer) on vector"),
    ),
    # No module that takes labels is at hand.
    "security label": appears(
        "INSERT INTO pg_seclabel VALUES ('shop.users'::regclass, 'pg_class'::regclass, 0, 'guard', 'secret')",
        "DELETE FROM pg_seclabel",
        ("security label", "table shop.users by guard"),
    ),
}  # fmt: skip
