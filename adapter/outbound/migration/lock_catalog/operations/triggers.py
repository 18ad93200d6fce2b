"""Operations on triggers and functions."""

from adapter.outbound.migration.lock_catalog.operation import TRIGGER, Operation

OPERATIONS = (
    Operation(
        "Triggers and functions", "create a function", "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    ),
    Operation(
        "Triggers and functions",
        "replace a trigger's function",
        "CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        setup=TRIGGER,
    ),
    Operation(
        "Triggers and functions",
        "create a trigger",
        "CREATE TRIGGER again AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
        setup=TRIGGER,
    ),
    Operation("Triggers and functions", "drop a trigger", "DROP TRIGGER stamped ON orders", setup=TRIGGER),
    Operation(
        "Triggers and functions", "disable a trigger", "ALTER TABLE orders DISABLE TRIGGER stamped", setup=TRIGGER
    ),
    Operation("Triggers and functions", "enable a trigger", "ALTER TABLE orders ENABLE TRIGGER stamped", setup=TRIGGER),
    Operation(
        "Triggers and functions", "rename a trigger", "ALTER TRIGGER stamped ON orders RENAME TO marked", setup=TRIGGER
    ),
    Operation("Triggers and functions", "create a rule", "CREATE RULE kept AS ON DELETE TO orders DO INSTEAD NOTHING"),
)
