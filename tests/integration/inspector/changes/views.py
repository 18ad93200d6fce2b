"""Changes of views."""

from tests.integration.inspector.change import Change, alter, comment

VIEWS: dict[str, Change] = {
    "view text": Change(
        "CREATE OR REPLACE VIEW shop.adults AS SELECT id, name FROM shop.users WHERE age >= 21",
        ("view", "shop.adults"),
        "definition",
        "CREATE OR REPLACE VIEW shop.adults AS SELECT id, name FROM shop.users WHERE age >= 18",
    ),
    "view options": alter(
        "view",
        "shop.adults",
        "options",
        "SET (security_barrier = true)",
        "RESET (security_barrier)",
        head="ALTER VIEW shop.adults",
    ),
    "view column default": alter(
        "column",
        "shop.adults.name",
        "default",
        "SET DEFAULT 'x'",
        "DROP DEFAULT",
        head="ALTER VIEW shop.adults ALTER name",
    ),
    "view comment": comment("VIEW shop.adults", ("view", "shop.adults")),
    "materialized view populated": Change(
        "REFRESH MATERIALIZED VIEW shop.totals WITH NO DATA",
        ("view", "shop.totals"),
        "populated",
        "REFRESH MATERIALIZED VIEW shop.totals",
    ),
}
