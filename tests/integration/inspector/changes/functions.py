"""Changes of functions."""

from tests.integration.inspector.change import TOTAL, Change, alter, appears, comment, owner

FUNCTIONS: dict[str, Change] = {
    "function body": Change(
        "CREATE OR REPLACE FUNCTION shop.twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n + n'",
        ("function", "shop.twice(integer)"),
        "definition",
        "CREATE OR REPLACE FUNCTION shop.twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT 2 * n'",
    ),
    "function volatility": alter(
        "function",
        "shop.twice(integer)",
        "definition",
        "IMMUTABLE",
        "VOLATILE",
        head="ALTER FUNCTION shop.twice(integer)",
    ),
    "function overload": appears(
        "CREATE FUNCTION shop.twice(n text) RETURNS text LANGUAGE sql AS 'SELECT n || n'",
        "DROP FUNCTION shop.twice(text)",
        ("function", "shop.twice(text)"),
    ),
    "function grant": Change(
        "REVOKE EXECUTE ON FUNCTION shop.twice FROM PUBLIC",
        ("function", "shop.twice(integer)"),
        "acl",
        "GRANT EXECUTE ON FUNCTION shop.twice TO PUBLIC",
    ),
    "procedure owner": owner("PROCEDURE shop.tidy", ("function", "shop.tidy()")),
    "procedure comment": comment("PROCEDURE shop.tidy", ("function", "shop.tidy()")),
    "aggregate initial value": Change(
        f"{TOTAL} '1')", ("aggregate", "shop.total(integer)"), "initial", f"{TOTAL} '0')"
    ),
}
