"""Changes of the schema that the inspector is tried on."""

from dataclasses import dataclass

from domain.migration.snapshot import ObjectKey


@dataclass(frozen=True)
class Change:
    """A change of `SCHEMA`, and the difference it has to make.

    Attributes:
        sql: The statements.
        key: The object that must be named.
        attribute: The attribute that must be named; None when the object appears or disappears.
        undo: Statements after which the schema must be the first one again; None when there is no way back.
        since: The first major version that knows the statements.
    """

    sql: str
    key: ObjectKey
    attribute: str | None = None
    undo: str | None = None
    since: int = 14


def alter(
    kind: str, name: str, attribute: str, change: str, undo: str | None = None, *, head: str = "", since: int = 14
) -> Change:
    """Return a change of one attribute by ALTER; `head` is what both statements begin with."""
    return Change(f"{head} {change}", (kind, name), attribute, None if undo is None else f"{head} {undo}", since)


def column(name: str, attribute: str, change: str, undo: str | None = None, since: int = 14) -> Change:
    """Return a change of a column of `shop.users`."""
    head = f"ALTER TABLE shop.users ALTER COLUMN {name}"
    return alter("column", f"shop.users.{name}", attribute, change, undo, head=head, since=since)


def table(attribute: str, change: str, undo: str | None = None) -> Change:
    """Return a change of the table `shop.users`."""
    return alter("table", "shop.users", attribute, change, undo, head="ALTER TABLE shop.users")


def index(attribute: str, definition: str, since: int = 14) -> Change:
    """Return another definition of the index `users_name_idx`."""
    drop, create = "DROP INDEX shop.users_name_idx;", "INDEX users_name_idx ON shop.users"
    create = f"UNIQUE {create}" if definition.startswith("UNIQUE ") else create
    return Change(
        f"{drop} CREATE {create} {definition.removeprefix('UNIQUE ')}",
        ("index", "shop.users_name_idx"),
        attribute,
        f"{drop} CREATE INDEX users_name_idx ON shop.users (name)",
        since,
    )


def comment(target: str, key: ObjectKey) -> Change:
    """Return a comment, and take it away."""
    return Change(f"COMMENT ON {target} IS 'why'", key, "comment", f"COMMENT ON {target} IS NULL")


def grant(privileges: str, key: ObjectKey) -> Change:
    """Return privileges, and take them away: an explicit default is no difference."""
    return Change(f"GRANT {privileges} TO app_reader", key, "acl", f"REVOKE {privileges} FROM app_reader")


def owner(target: str, key: ObjectKey) -> Change:
    """Return another owner, and the first one again."""
    return Change(f"ALTER {target} OWNER TO app_owner", key, "owner", f"ALTER {target} OWNER TO CURRENT_USER")


def appears(create: str, drop: str, key: ObjectKey, since: int = 14) -> Change:
    """Create an object, and drop it."""
    return Change(create, key, None, drop, since)


USERS = ("table", "shop.users")
EMBEDDING = "ALTER TABLE shop.chunks ALTER COLUMN embedding TYPE"
FOREIGN_KEY = ("constraint", "shop.orders.orders_user_id_fkey")
FOREIGN_KEY_AGAIN = (
    "ALTER TABLE shop.orders DROP CONSTRAINT orders_user_id_fkey,"
    " ADD CONSTRAINT orders_user_id_fkey FOREIGN KEY (user_id) REFERENCES shop.users"
)
AGE = ("constraint", "shop.users.users_age_check")
AGE_AGAIN = "ALTER TABLE shop.users DROP CONSTRAINT users_age_check, ADD CONSTRAINT users_age_check CHECK"
VECTOR_INDEX = "DROP INDEX shop.chunks_embedding_idx; CREATE INDEX chunks_embedding_idx ON shop.chunks"
VECTOR_INDEX_KEY = ("index", "shop.chunks_embedding_idx")
VECTOR_INDEX_UNDO = f"{VECTOR_INDEX} USING hnsw (embedding vector_l2_ops) WITH (m = 8)"
TOTAL = "CREATE OR REPLACE AGGREGATE shop.total(integer) (sfunc = int4pl, stype = integer, initcond ="
