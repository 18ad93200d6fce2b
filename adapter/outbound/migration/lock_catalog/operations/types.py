"""Operations on types, domains, enums and sequences."""

from adapter.outbound.migration.lock_catalog.operation import AMOUNT, STATUS, Operation

OPERATIONS = (
    Operation("Types and sequences", "create an enum", "CREATE TYPE status AS ENUM ('new', 'paid')"),
    Operation(
        "Types and sequences",
        "add a value to an enum",
        "ALTER TYPE status ADD VALUE 'sent'",
        setup=STATUS,
        note="the transaction that adds it cannot use it",
    ),
    Operation(
        "Types and sequences",
        "rename a value of an enum",
        "ALTER TYPE status RENAME VALUE 'new' TO 'open'",
        setup=STATUS,
    ),
    Operation("Types and sequences", "rename a type", "ALTER TYPE status RENAME TO state", setup=STATUS),
    Operation("Types and sequences", "drop a type that is used", "DROP TYPE status", setup=STATUS),
    Operation("Types and sequences", "create a domain", "CREATE DOMAIN amount AS numeric CHECK (VALUE > 0)"),
    Operation(
        "Types and sequences",
        "add a constraint to a domain",
        "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0)",
        setup=AMOUNT,
        note="every table that uses the domain is locked and read",
    ),
    Operation(
        "Types and sequences",
        "add a constraint to a domain, not valid",
        "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID",
        setup=AMOUNT,
    ),
    Operation(
        "Types and sequences",
        "validate a constraint of a domain",
        "ALTER DOMAIN amount VALIDATE CONSTRAINT positive",
        setup=f"{AMOUNT} ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID",
        note="writes stop while it reads, unlike with a table's check",
    ),
    Operation(
        "Types and sequences",
        "widen a sequence",
        "ALTER SEQUENCE orders_number AS bigint",
        setup="CREATE SEQUENCE orders_number AS int",
        table="orders_number",
        note="`nextval` waits",
    ),
    Operation(
        "Types and sequences",
        "restart a sequence",
        "ALTER SEQUENCE orders_number RESTART",
        setup="CREATE SEQUENCE orders_number",
        table="orders_number",
    ),
)
