"""Changes of constraints."""

from tests.integration.inspector.change import AGE, AGE_AGAIN, FOREIGN_KEY, FOREIGN_KEY_AGAIN, Change, appears, comment

CONSTRAINTS: dict[str, Change] = {
    "check text": Change(f"{AGE_AGAIN} (age >= 1)", AGE, "definition", f"{AGE_AGAIN} (age >= 0)"),
    "check not valid": Change(
        f"{AGE_AGAIN} (age >= 0) NOT VALID",
        AGE,
        "validated",
        "ALTER TABLE shop.users VALIDATE CONSTRAINT users_age_check",
    ),
    "check not enforced": Change(
        f"{AGE_AGAIN} (age >= 0) NOT ENFORCED", AGE, "enforced", f"{AGE_AGAIN} (age >= 0)", since=18
    ),
    "not null not valid": appears(
        "ALTER TABLE shop.users ADD CONSTRAINT named NOT NULL name NOT VALID",
        "ALTER TABLE shop.users DROP CONSTRAINT named",
        ("constraint", "shop.users.named"),
        since=18,
    ),
    "foreign key action": Change(
        f"{FOREIGN_KEY_AGAIN} ON DELETE CASCADE", FOREIGN_KEY, "definition", FOREIGN_KEY_AGAIN
    ),
    "foreign key not valid": Change(
        f"{FOREIGN_KEY_AGAIN} NOT VALID",
        FOREIGN_KEY,
        "validated",
        "ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_user_id_fkey",
    ),
    "deferrable": Change(
        "ALTER TABLE shop.orders ALTER CONSTRAINT orders_user_id_fkey DEFERRABLE",
        FOREIGN_KEY,
        "deferrable",
        "ALTER TABLE shop.orders ALTER CONSTRAINT orders_user_id_fkey NOT DEFERRABLE",
    ),
    "deferred": Change(
        "ALTER TABLE shop.orders ALTER CONSTRAINT orders_user_id_fkey DEFERRABLE INITIALLY DEFERRED",
        FOREIGN_KEY,
        "deferred",
        "ALTER TABLE shop.orders ALTER CONSTRAINT orders_user_id_fkey NOT DEFERRABLE",
    ),
    "name of an unnamed constraint": appears(
        "ALTER TABLE shop.users DROP CONSTRAINT users_email_key, ADD UNIQUE (email), ADD UNIQUE (email, name)",
        "ALTER TABLE shop.users DROP CONSTRAINT users_email_name_key",
        ("constraint", "shop.users.users_email_name_key"),
    ),
    "constraint renamed": appears(
        "ALTER TABLE shop.users RENAME CONSTRAINT users_age_check TO age_check",
        "ALTER TABLE shop.users RENAME CONSTRAINT age_check TO users_age_check",
        ("constraint", "shop.users.age_check"),
    ),
    "foreign key not enforced by its triggers": Change(
        "ALTER TABLE shop.orders DISABLE TRIGGER ALL",
        FOREIGN_KEY,
        "triggers",
        "ALTER TABLE shop.orders ENABLE TRIGGER ALL",
    ),
    "constraint comment": comment("CONSTRAINT users_age_check ON shop.users", AGE),
}
