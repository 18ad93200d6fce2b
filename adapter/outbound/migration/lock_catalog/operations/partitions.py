"""Operations on partitions."""

from adapter.outbound.migration.lock_catalog.operation import DEFAULT, PARTITIONS, Operation


def _partitioned(name: str, sql: str = "", alembic: str = "", setup: str = "", note: str = "") -> Operation:
    return Operation("Partitions", name, sql, alembic, f"{PARTITIONS}{setup}", "events", note=note)


OPERATIONS = (
    _partitioned(
        "add a column to a partitioned table",
        alembic='op.add_column("events", sa.Column("tag", sa.Text()))',
    ),
    _partitioned(
        "create a partition in place",
        "CREATE TABLE march PARTITION OF events FOR VALUES FROM (200) TO (300)",
        note="create the table alone and attach it",
    ),
    _partitioned(
        "create a partition in place, beside a default partition",
        "CREATE TABLE march PARTITION OF events FOR VALUES FROM (200) TO (300)",
        setup=DEFAULT,
    ),
    _partitioned(
        "attach a partition",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
    ),
    _partitioned(
        "attach a partition whose check fits",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
        setup="ALTER TABLE february ADD CHECK (day >= 100 AND day < 200)",
    ),
    _partitioned(
        "attach a partition, beside a default partition",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
        setup=f"{DEFAULT} ALTER TABLE february ADD CHECK (day >= 100 AND day < 200)",
        note="a check on the default partition spares the scan",
    ),
    _partitioned("detach a partition", "ALTER TABLE events DETACH PARTITION january"),
    _partitioned("detach a partition concurrently", "ALTER TABLE events DETACH PARTITION january CONCURRENTLY"),
    _partitioned("drop a partition", alembic='op.drop_table("january")'),
    _partitioned(
        "create an index on a partitioned table",
        alembic='op.create_index("events_user_idx", "events", ["user_id"])',
    ),
    _partitioned(
        "create an index on a partitioned table concurrently",
        alembic='op.create_index("events_user_idx", "events", ["user_id"], postgresql_concurrently=True)',
    ),
    _partitioned(
        "create an index on the partitioned table only",
        "CREATE INDEX events_user_idx ON ONLY events (user_id)",
        note="invalid until one of each partition is attached",
    ),
    _partitioned(
        "attach an index of a partition",
        "ALTER INDEX events_user_idx ATTACH PARTITION january_user_idx",
        setup="CREATE INDEX events_user_idx ON ONLY events (user_id);"
        "CREATE INDEX january_user_idx ON january (user_id)",
    ),
    _partitioned(
        "add a foreign key of a partitioned table, not valid",
        "ALTER TABLE events ADD CONSTRAINT events_user_fk FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        note="since Postgres 18",
    ),
    _partitioned(
        "add a foreign key of a partitioned table",
        alembic='op.create_foreign_key("events_user_fk", "events", "users", ["user_id"], ["id"])',
    ),
)
