"""Changes of triggers, rules, policies."""

from tests.integration.inspector.change import Change, alter, comment

ON_TABLES: dict[str, Change] = {
    "trigger text": Change(
        "CREATE OR REPLACE TRIGGER users_stamp BEFORE UPDATE OF name ON shop.users"
        " FOR EACH ROW EXECUTE FUNCTION shop.stamp()",
        ("trigger", "shop.users.users_stamp"),
        "definition",
        "CREATE OR REPLACE TRIGGER users_stamp BEFORE UPDATE ON shop.users FOR EACH ROW EXECUTE FUNCTION shop.stamp()",
    ),
    "trigger disabled": alter(
        "trigger",
        "shop.users.users_stamp",
        "enabled",
        "DISABLE TRIGGER users_stamp",
        "ENABLE TRIGGER users_stamp",
        head="ALTER TABLE shop.users",
    ),
    "trigger always": alter(
        "trigger",
        "shop.users.users_stamp",
        "enabled",
        "ENABLE ALWAYS TRIGGER users_stamp",
        "ENABLE TRIGGER users_stamp",
        head="ALTER TABLE shop.users",
    ),
    "trigger comment": comment("TRIGGER users_stamp ON shop.users", ("trigger", "shop.users.users_stamp")),
    "rule text": Change(
        "CREATE OR REPLACE RULE orders_keep AS ON DELETE TO shop.orders WHERE OLD.id > 5 DO INSTEAD NOTHING",
        ("rule", "shop.orders.orders_keep"),
        "definition",
        "CREATE OR REPLACE RULE orders_keep AS ON DELETE TO shop.orders DO INSTEAD NOTHING",
    ),
    "rule disabled": alter(
        "rule",
        "shop.orders.orders_keep",
        "enabled",
        "DISABLE RULE orders_keep",
        "ENABLE RULE orders_keep",
        head="ALTER TABLE shop.orders",
    ),
    "policy condition": alter(
        "policy",
        "shop.users.users_own",
        "using",
        "USING (name = session_user)",
        "USING (name = current_user)",
        head="ALTER POLICY users_own ON shop.users",
    ),
    "policy check": alter(
        "policy", "shop.users.users_own", "check", "WITH CHECK (age > 0)", head="ALTER POLICY users_own ON shop.users"
    ),
    "policy roles": alter(
        "policy",
        "shop.users.users_own",
        "roles",
        "TO app_reader, app_owner",
        "TO PUBLIC",
        head="ALTER POLICY users_own ON shop.users",
    ),
}
