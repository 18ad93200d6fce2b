"""Changes that depend on each other, names with signs that SQL or drivers read, and what stands on a changed column."""

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    Connection,
    Date,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    collate,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from tests.integration.autogenerate.harness import Build, Case

_SCHEMA = "My S %"


def _signs(*, more: bool) -> Build:
    """Declare tables whose names contain percent signs, colons, quotes and blanks."""

    def build(metadata: MetaData) -> None:
        columns: list[Column[Any]] = [
            Column("Select %", Integer, primary_key=True),
            Column("from:to", Text, server_default="it's", comment="it's %s"),
            Column("n %", Integer, Identity(always=more), nullable=False),
            Column("m", Enum("a", "b %", *(["c"] if more else []), name="M %", schema=_SCHEMA)),
        ]
        if more:
            columns += [
                Column("twice %", Text, Computed("\"from:to\" || '%'", persisted=True)),
                Column("c %d", Integer, ForeignKey(f"{_SCHEMA}.p %.id", ondelete="CASCADE")),
            ]
        Table("p %", metadata, Column("id", Integer, primary_key=True), schema=_SCHEMA)
        Table(
            'Order "items" %s',
            metadata,
            *columns,
            CheckConstraint(f"\"from:to\" <> '%{more}'", name="fr:om %"),
            UniqueConstraint("from:to", "n %", deferrable=more or None),
            Index('Ix "a" %', text('lower("from:to")'), postgresql_where=text(f'"n %" > {more:d}')),
            schema=_SCHEMA,
            postgresql_with={"fillfactor": 70 if more else 80},
        )

    return build


_TOUCH = "CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
_TRIGGER = "CREATE TRIGGER {} BEFORE UPDATE ON %(fullname)s FOR EACH ROW EXECUTE FUNCTION app.touch()"


def _programs(*, watched: bool) -> Build:
    """Declare two tables of one name, with events for this and another dialect, and one that is a Python function."""

    def build(metadata: MetaData) -> None:
        public = Table("t", metadata, Column("id", Integer, primary_key=True), Column("x", Text))
        own = Table("t", metadata, Column("id", Integer, primary_key=True), schema="app")
        if not watched:
            return
        event.listen(metadata, "before_create", DDL(_TOUCH))
        event.listen(own, "after_create", DDL(_TRIGGER.format("of_app")))
        event.listen(public, "after_create", DDL(_TRIGGER.format("of_sqlite")).execute_if(dialect="sqlite"))
        event.listen(public, "after_create", DDL(_ROW_FUNCTION))
        event.listen(metadata, "after_create", DDL(_PROCEDURE))

        @event.listens_for(public, "after_create")
        def _(target: Table, connection: Connection, **_: object) -> None:
            ddl = "CREATE TRIGGER of_public AFTER INSERT ON public.{} FOR EACH STATEMENT EXECUTE FUNCTION app.touch()"
            connection.execute(text(ddl.format(target.name)))

    return build


_ROW_FUNCTION = "CREATE FUNCTION words(r t) RETURNS text LANGUAGE sql STABLE AS 'SELECT r.x'"
_PROCEDURE = """
CREATE PROCEDURE note(x text DEFAULT 'it''s :a 5%%') LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%% :a'', x; END'
"""


def _identities(*, after: bool) -> Build:
    """Declare columns whose identity comes, goes, counts the other way, or whose type gets wider or narrower."""

    def build(metadata: MetaData) -> None:
        wide, narrow = (BigInteger, Integer) if after else (Integer, BigInteger)
        always = Identity(always=True)
        Table(
            "t",
            metadata,
            Column("down", Integer, Identity(start=-5, increment=-2) if after else Identity(start=5), nullable=False),
            Column("wide", wide, Identity(maxvalue=10**12 if after else 1000), nullable=False),
            Column("narrow", narrow, Identity(maxvalue=1000 if after else 10**12), nullable=False),
            Column("comes", Integer, *([always] if after else []), nullable=not after),
            Column("goes", Text if after else Integer, *([] if after else [always]), nullable=after),
            Column("of_default", Integer, nullable=False, server_default=always if after else text("1 + 1")),
            Column("to_default", Integer, nullable=False, server_default=text("1 + 1") if after else always),
        )

    return build


def _kinds_of_tables(*, after: bool) -> Build:
    """Declare tables that inherit, a partitioned and an unlogged one that go, and parameters of TOAST."""

    def build(metadata: MetaData) -> None:
        parameters = {"FillFactor": 70, "toast.autovacuum_enabled": str(after).lower()}
        Table("z", metadata, Column("id", Integer, primary_key=True), Column("x", Text), postgresql_with=parameters)
        Table("old_child", metadata, Column("more", Integer), postgresql_inherits="z")
        if after:
            Table("a_child", metadata, Column("more", Integer), postgresql_inherits="z")
            return
        Table("parted", metadata, Column("at", Date, index=True), postgresql_partition_by="RANGE (at)")
        Table("quick", metadata, Column("id", Integer, primary_key=True), prefixes=["UNLOGGED"])

    return build


def _generated(*, after: bool) -> Build:
    """Declare generated columns whose sources change their type or are replaced, beneath indexes and a CHECK."""

    def build(metadata: MetaData) -> None:
        source = "new" if after else "old"
        Table(
            "t",
            metadata,
            Column("x", String(20) if after else String(10)),
            Column("n", BigInteger if after else Integer),
            Column(source, Integer),
            Column("low", Text, Computed("lower(x)", persisted=True), comment="it's", unique=True),
            Column("twice", Numeric, Computed("n * 2", persisted=True), nullable=False),
            Column("own", Text if after else Integer, Computed("id::text" if after else "id + 1", persisted=True)),
            Column("of_source", Integer, Computed(f"{source} + 1", persisted=True), index=True),
            Column("id", Integer, primary_key=True),
            Index("ix_both", "low", "twice", postgresql_where=text("twice > 0")),
            Index("ix_own", "own"),
            CheckConstraint("twice > 0 OR low <> ''", name="both"),
        )

    return build


def _comments(*, after: bool) -> Build:
    """Declare constraints whose comments come, change, go, and stay on a constraint that changes."""

    def build(metadata: MetaData) -> None:
        Table(
            "t",
            metadata,
            Column("x", Integer),
            CheckConstraint(f"x > {after:d}", name="stays", comment="it's \\ 5% :a"),
            CheckConstraint("x < 5", name="goes", comment=None if after else "gone"),
            UniqueConstraint("x", comment="comes" if after else None),
        )
        Table(
            "new" if after else "old", metadata, Column("x", Integer), CheckConstraint("x > 0", name="c", comment="c")
        )

    return build


def _indexed(*, before: bool) -> Build:
    """Declare indexes of which SQLAlchemy does not reflect all, on a table that stays and one that goes."""

    def build(metadata: MetaData) -> None:
        for name in ("t", "gone") if before else ("t",):
            table = Table(
                name, metadata, Column("x", String(9)), Column("y", Integer), Column("v", TSVECTOR), Column("z", Text)
            )
            if before:
                where = table.c.x.in_(["a", "it's"])
                Index(f"ix_{name}_1", collate(table.c.x, "C").desc(), "y", postgresql_include=["z"])
                Index(f"ix_{name}_2", text("v tsvector_ops (siglen='64')"), _table=table, postgresql_using="gist")
                Index(f"ix_{name}_3", table.c.y.desc().nulls_last(), unique=True, postgresql_where=where)
                Index(f"ix_{name}_4", text("replace(z, '%', ' \\:a')"), "y")

    return build


def _keys(*, after: bool) -> Build:
    """Declare a key between columns that get another type, and an integer that becomes an enum."""

    def build(metadata: MetaData) -> None:
        key_type = Text if after else Integer
        level = Enum("1", "2", name="level") if after else Integer()
        columns = (Column("id", key_type, primary_key=True, autoincrement=False), Column("level", level))
        Table("p", metadata, *columns)
        Table("t", metadata, Column("p", key_type, ForeignKey("p.id", ondelete="CASCADE", comment="of p")))

    return build


def _unnamed(*tests: str) -> Build:
    return lambda metadata: Table("t", metadata, Column("x", Integer), *(CheckConstraint(test) for test in tests))


def _sequences(*, after: bool) -> Build:
    def build(metadata: MetaData) -> None:
        Sequence("s", metadata=metadata, start=7 if after else 1, increment=2, cycle=after, cache=5 if after else None)
        Sequence("S %", metadata=metadata, data_type=BigInteger if after else Integer, schema="app", minvalue=-5)
        Sequence("same", metadata=metadata, start=9, maxvalue=99)
        Table("t", metadata, Column("x", Integer), schema="app")

    return build


CASES = [
    Case("sequence-options", _sequences(after=False), _sequences(after=True)),
    Case("check-unnamed-removed", _unnamed("x > 0", "x < 9"), _unnamed("x < 9"), convention=False),
    Case(
        "types-of-both-columns-of-a-key",
        _keys(after=False),
        _keys(after=True),
        rows=("INSERT INTO p VALUES (1, 2)", "INSERT INTO t VALUES (1)"),
    ),
    Case("index-that-is-not-reflected", _indexed(before=True), _indexed(before=False)),
    Case("constraint-comment", _comments(after=False), _comments(after=True)),
    Case(
        "generated-of-each-kind",
        _generated(after=False),
        _generated(after=True),
        rows=("INSERT INTO t (x, n) VALUES ('A', 1)",),
    ),
    Case("tables-of-each-kind", _kinds_of_tables(after=False), _kinds_of_tables(after=True)),
    Case("identity-of-each-kind", _identities(after=False), _identities(after=True)),
    Case("trigger-and-function-of-each-kind", _programs(watched=False), _programs(watched=True)),
    Case("names-with-signs", lambda _: None, _signs(more=False)),
    Case("names-with-signs-changed", _signs(more=False), _signs(more=True)),
]
