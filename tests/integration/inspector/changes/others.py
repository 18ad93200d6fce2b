"""Changes of whatever else there is."""

from tests.integration.inspector.change import Change, alter, appears, comment, grant, owner

OTHERS: dict[str, Change] = {
    "extension schema": Change(
        "ALTER EXTENSION vector SET SCHEMA shop",
        ("extension", "vector"),
        "schema",
        "ALTER EXTENSION vector SET SCHEMA public",
    ),
    # No second version of an extension is at hand, so the catalog is told a lie.
    "extension version": Change(
        "UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'vector'", ("extension", "vector"), "version"
    ),
    "extension dropped": Change("DROP EXTENSION vector CASCADE", ("extension", "vector")),
    "schema grant": grant("USAGE ON SCHEMA shop", ("schema", "shop")),
    "schema owner": owner("SCHEMA shop", ("schema", "shop")),
    "schema comment": comment("SCHEMA shop", ("schema", "shop")),
    "schema": appears("CREATE SCHEMA attic", "DROP SCHEMA attic", ("schema", "attic")),
    "statistics kinds": Change(
        "DROP STATISTICS shop.users_stats; CREATE STATISTICS shop.users_stats (mcv) ON name, age FROM shop.users",
        ("statistics", "shop.users_stats"),
        "definition",
        "DROP STATISTICS shop.users_stats; CREATE STATISTICS shop.users_stats ON name, age FROM shop.users",
    ),
    "statistics target": alter(
        "statistics",
        "shop.users_stats",
        "target",
        "SET STATISTICS 7",
        "SET STATISTICS -1",
        head="ALTER STATISTICS shop.users_stats",
    ),
    "collation": Change(
        "DROP COLLATION shop.plain; CREATE COLLATION shop.plain (locale = 'POSIX')",
        ("collation", "shop.plain"),
        "ctype",
        "DROP COLLATION shop.plain; CREATE COLLATION shop.plain (locale = 'C')",
    ),
    "publication operations": Change(
        "ALTER PUBLICATION feed SET (publish = 'insert')",
        ("publication", "feed"),
        "deletes",
        "ALTER PUBLICATION feed SET (publish = 'insert, update, delete, truncate')",
    ),
    "publication table": appears(
        "ALTER PUBLICATION feed ADD TABLE shop.orders",
        "ALTER PUBLICATION feed DROP TABLE shop.orders",
        ("publication table", "feed.shop.orders"),
    ),
    "publication columns": Change(
        "ALTER PUBLICATION feed SET TABLE shop.users (id, name)",
        ("publication table", "feed.shop.users"),
        "columns",
        "ALTER PUBLICATION feed SET TABLE shop.users",
        since=15,
    ),
    "publication row filter": Change(
        "ALTER PUBLICATION feed SET TABLE shop.users WHERE (age > 18)",
        ("publication table", "feed.shop.users"),
        "row_filter",
        "ALTER PUBLICATION feed SET TABLE shop.users",
        since=15,
    ),
    "publication schema": appears(
        "ALTER PUBLICATION feed ADD TABLES IN SCHEMA public",
        "ALTER PUBLICATION feed DROP TABLES IN SCHEMA public",
        ("publication schema", "feed.public"),
        since=15,
    ),
    "event trigger disabled": alter(
        "event trigger", "watch", "enabled", "DISABLE", "ENABLE", head="ALTER EVENT TRIGGER watch"
    ),
    "event trigger tags": Change(
        "DROP EVENT TRIGGER watch;"
        "CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION shop.watch()",
        ("event trigger", "watch"),
        "tags",
    ),
    "cast": Change(
        "DROP CAST (shop.address AS text);"
        "CREATE CAST (shop.address AS text) WITH FUNCTION shop.words(shop.address) AS ASSIGNMENT",
        ("cast", "(shop.address AS text)"),
        "context",
        "DROP CAST (shop.address AS text); CREATE CAST (shop.address AS text) WITH FUNCTION shop.words(shop.address)",
    ),
    "operator": alter(
        "operator",
        "shop.~~~(shop.address,shop.address)",
        "restrict_estimator",
        "(RESTRICT = eqsel)",
        "(RESTRICT = NONE)",
        head="ALTER OPERATOR shop.~~~ (shop.address, shop.address) SET",
    ),
    "operator class": Change(
        "CREATE FUNCTION shop.sorts(internal) RETURNS void LANGUAGE internal AS 'btfloat8sortsupport';"
        "ALTER OPERATOR FAMILY shop.gap_ops USING btree ADD FUNCTION 2 (shop.gap) shop.sorts(internal)",
        ("operator class", "shop.gap_ops USING btree"),
        "functions",
        "ALTER OPERATOR FAMILY shop.gap_ops USING btree DROP FUNCTION 2 (shop.gap); DROP FUNCTION shop.sorts",
    ),
    "text search mapping": Change(
        "ALTER TEXT SEARCH CONFIGURATION shop.search ALTER MAPPING FOR word WITH shop.stems",
        ("text search configuration", "shop.search"),
        "mapping",
        "ALTER TEXT SEARCH CONFIGURATION shop.search ALTER MAPPING FOR word WITH simple",
    ),
    "text search dictionary": alter(
        "text search dictionary",
        "shop.stems",
        "settings",
        "(stopwords = danish)",
        "(stopwords = english)",
        head="ALTER TEXT SEARCH DICTIONARY shop.stems",
    ),
    "foreign data wrapper": alter(
        "foreign data wrapper",
        "nowhere",
        "options",
        "(ADD debug 'on')",
        "(DROP debug)",
        head="ALTER FOREIGN DATA WRAPPER nowhere OPTIONS",
    ),
    "foreign server": alter(
        "foreign server", "far", "options", "(SET host 'here')", "(SET host 'there')", head="ALTER SERVER far OPTIONS"
    ),
    "user mapping": appears(
        "CREATE USER MAPPING FOR app_reader SERVER far",
        "DROP USER MAPPING FOR app_reader SERVER far",
        ("user mapping", "far for app_reader"),
    ),
    "database setting": appears(
        "ALTER DATABASE hexalembic_inspector SET work_mem = '8MB'",
        "ALTER DATABASE hexalembic_inspector RESET work_mem",
        ("database setting", "work_mem"),
    ),
    "database setting of a role": appears(
        "ALTER ROLE app_reader IN DATABASE hexalembic_inspector SET app.tenant = 'a=b'",
        'ALTER ROLE app_reader IN DATABASE hexalembic_inspector RESET "app.tenant"',
        ("database setting", '"app.tenant" of app_reader'),
    ),
    "setting of a role": appears(
        "ALTER ROLE app_reader SET app.tenant = 'a=b'",
        'ALTER ROLE app_reader RESET "app.tenant"',
        ("role setting", '"app.tenant" of app_reader'),
    ),
    "default privileges": appears(
        "ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA shop GRANT SELECT ON TABLES TO app_reader",
        "ALTER DEFAULT PRIVILEGES FOR ROLE app_owner IN SCHEMA shop REVOKE SELECT ON TABLES FROM app_reader",
        ("default privileges", "of app_owner on tables in schema shop"),
    ),
}
