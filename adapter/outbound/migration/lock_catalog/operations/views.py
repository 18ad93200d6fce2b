"""Operations on views."""

from adapter.outbound.migration.lock_catalog.operation import SUMMARY, VIEW, Operation

OPERATIONS = (
    Operation("Views", "create a view", VIEW.rstrip(";")),
    Operation(
        "Views",
        "replace a view",
        "CREATE OR REPLACE VIEW cheap AS SELECT id, quantity FROM orders WHERE price < 5",
        setup=VIEW,
        table="cheap",
    ),
    Operation("Views", "drop a view", "DROP VIEW cheap", setup=VIEW, table="cheap"),
    Operation(
        "Views",
        "create a materialized view",
        "CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(price) AS total FROM orders GROUP BY user_id",
    ),
    Operation(
        "Views", "refresh a materialized view", "REFRESH MATERIALIZED VIEW totals", setup=SUMMARY, table="totals"
    ),
    Operation(
        "Views",
        "refresh a materialized view concurrently",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
        setup=SUMMARY,
        table="totals",
    ),
    Operation("Views", "drop a materialized view", "DROP MATERIALIZED VIEW totals", setup=SUMMARY, table="totals"),
)
