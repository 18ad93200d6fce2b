"""Changes of types."""

from tests.integration.inspector.change import Change, alter, appears, owner

TYPES: dict[str, Change] = {
    "enum value": Change("ALTER TYPE shop.status ADD VALUE 'lost'", ("type", "shop.status"), "values"),
    "enum value renamed": alter(
        "type",
        "shop.status",
        "values",
        "RENAME VALUE 'new' TO 'fresh'",
        None,
        head="ALTER TYPE shop.status",
    ),
    "enum order": Change(
        "ALTER TABLE shop.orders ALTER status TYPE text; DROP TYPE shop.status;"
        "CREATE TYPE shop.status AS ENUM ('paid', 'new', 'sent');"
        "ALTER TABLE shop.orders ALTER status TYPE shop.status USING status::shop.status",
        ("type", "shop.status"),
        "values",
        "ALTER TABLE shop.orders ALTER status TYPE text; DROP TYPE shop.status;"
        "CREATE TYPE shop.status AS ENUM ('new', 'paid', 'sent');"
        "ALTER TABLE shop.orders ALTER status TYPE shop.status USING status::shop.status",
    ),
    "domain check": appears(
        "ALTER DOMAIN shop.email ADD CONSTRAINT short CHECK (length(VALUE) < 99)",
        "ALTER DOMAIN shop.email DROP CONSTRAINT short",
        ("constraint", "shop.email.short"),
    ),
    "domain check not valid": Change(
        "ALTER DOMAIN shop.email DROP CONSTRAINT has_at;"
        "ALTER DOMAIN shop.email ADD CONSTRAINT has_at CHECK (VALUE ~ '@') NOT VALID",
        ("constraint", "shop.email.has_at"),
        "validated",
        "ALTER DOMAIN shop.email VALIDATE CONSTRAINT has_at",
    ),
    "domain default": alter(
        "type", "shop.email", "default", "SET DEFAULT '@'", "DROP DEFAULT", head="ALTER DOMAIN shop.email"
    ),
    "domain not null": alter(
        "type", "shop.email", "not_null", "SET NOT NULL", "DROP NOT NULL", head="ALTER DOMAIN shop.email"
    ),
    "composite attribute": appears(
        "ALTER TYPE shop.address ADD ATTRIBUTE zip text",
        "ALTER TYPE shop.address DROP ATTRIBUTE zip",
        ("column", "shop.address.zip"),
    ),
    "composite attribute type": Change(
        "ALTER TYPE shop.address ALTER ATTRIBUTE city TYPE varchar(9)",
        ("column", "shop.address.city"),
        "type",
        "ALTER TYPE shop.address ALTER ATTRIBUTE city TYPE text",
    ),
    "range subtype": Change(
        "DROP TYPE shop.span; CREATE TYPE shop.span AS RANGE (subtype = float4)",
        ("type", "shop.span"),
        "subtype",
        "DROP TYPE shop.span; CREATE TYPE shop.span AS RANGE (subtype = float8)",
    ),
    "range multirange": Change(
        "DROP TYPE shop.span; CREATE TYPE shop.span AS RANGE (subtype = float8, multirange_type_name = shop.spans)",
        ("type", "shop.span"),
        "multirange",
        "DROP TYPE shop.span; CREATE TYPE shop.span AS RANGE (subtype = float8)",
    ),
    "type grant": Change(
        "REVOKE USAGE ON TYPE shop.status FROM PUBLIC",
        ("type", "shop.status"),
        "acl",
        "GRANT USAGE ON TYPE shop.status TO PUBLIC",
    ),
    "type owner": owner("TYPE shop.status", ("type", "shop.status")),
}
