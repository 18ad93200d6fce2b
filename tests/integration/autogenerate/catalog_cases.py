"""What is equal in the catalog although it reads differently, and what is different although Alembic says nothing."""

from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, INET, INTERVAL, TIMESTAMP, ExcludeConstraint

from adapter.outbound.database import ddl
from tests.integration.autogenerate.harness import Build, Case


def nothing(_metadata: MetaData) -> None:
    """Declare nothing."""


def table(name: str, *items: Any, **options: Any) -> Build:
    """Declare a table with a key; items are made anew for each declaration."""
    return lambda metadata: Table(
        name, metadata, Column("id", Integer, primary_key=True), *(item() for item in items), **options
    )


def column(type_: Any, *items: Any, **options: Any) -> Build:
    """Declare a table with one column `x`."""
    return table("t", lambda: Column("x", type_() if callable(type_) else type_, *(i() for i in items), **options))


def several(*builds: Build) -> Build:
    """Declare several tables."""

    def build(metadata: MetaData) -> None:
        for each in builds:
            each(metadata)

    return build


def same(key: str, build: Build, **options: Any) -> Case:
    """Change nothing."""
    return Case(key, build, build, **options)


def _named_schema(metadata: MetaData) -> None:
    Table("owners", metadata, Column("id", Integer, primary_key=True), schema="public")
    Table(
        "pets",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("owner_id", ForeignKey("public.owners.id")),
        Column("mood", Enum("sad", "ok", name="pet_mood", schema="public"), server_default="ok"),
        schema="public",
    )


def _circle(*, cut: bool) -> Build:
    def build(metadata: MetaData) -> None:
        for name, other in (("hens", "eggs"), ("eggs", "hens")):
            Table(
                name,
                metadata,
                Column("id", Integer, primary_key=True),
                Column("other", ForeignKey(f"{other}.id", use_alter=cut)),
            )

    return build


def _watched(body: str) -> Build:
    def build(metadata: MetaData) -> None:
        ddl.function(
            metadata,
            f"CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$",
        )
        watched = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("at", Text))
        ddl.trigger(watched, "trg_notes_touch", "BEFORE UPDATE", "touch")

    return build


def _unwatched(metadata: MetaData) -> None:
    Table("notes", metadata, Column("id", Integer, primary_key=True), Column("at", Text))


def _view_event(metadata: MetaData) -> None:
    _unwatched(metadata)
    event.listen(metadata, "after_create", DDL("COMMENT ON SCHEMA public IS 'of %%'"))


def mood(*labels: str, **options: Any) -> Build:
    """Declare a column of an enum type."""
    return table("t", lambda: Column("x", Enum(*labels, name="mood"), **options))


_FTS = "to_tsvector('english', coalesce(title, '') || ' ' || body)"
_SPECIAL = "x LIKE '50%' OR x ~ '[[\\:upper\\:]]' OR x = 'it''s \\ 5\\:00'"


def _twice() -> Column[int]:
    return Column("twice", Integer, Computed("x * 2", persisted=True))


def _mood(*values: str) -> tuple[Any, ...]:
    """Declare a column of an enum, and one that is made of it."""
    return (
        lambda: Column("x", Enum(*values, name="mood")),
        lambda: Column("fine", Boolean, Computed("x = 'ok'", persisted=True), nullable=False),
    )


def _listed(*values: str) -> Build:
    """Declare a varchar whose CHECKs list the values that it takes, and one that it does not."""
    return table(
        "t",
        lambda: Column("x", String(9)),
        lambda: CheckConstraint(f"x IN ({', '.join(values)})", name="listed"),
        lambda: CheckConstraint("x NOT IN ('y', 'z')", name="unlisted"),
    )


CASES = [
    same(
        "index-expression-unchanged",
        table(
            "t",
            lambda: Column("title", Text),
            lambda: Column("body", Text),
            lambda: Index("ix_t_fts", text(_FTS), postgresql_using="gin"),
        ),
    ),
    same(
        "check-of-native-types",
        table(
            "t",
            lambda: Column("on", Boolean(create_constraint=True, name="on_ok")),
            lambda: Column("kind", Enum("a", "b", name="kind", create_constraint=True)),
        ),
    ),
    same(
        "check-name-too-long",
        table(
            "customer_subscription_renewal_reminders",
            lambda: Column("x", Integer),
            lambda: CheckConstraint("x > 0", name="subscription_plan_is_positive"),
        ),
    ),
    same("schema-by-name-unchanged", _named_schema),
    Case("schema-by-name-added", nothing, _named_schema),
    same("float-unchanged", column(lambda: Float(24))),
    Case("type-argument-removed", column(lambda: String(20)), column(String)),
    Case("type-argument-added", column(String), column(lambda: String(20))),
    Case("type-numeric-argument-removed", column(lambda: Numeric(10, 2)), column(Numeric)),
    Case("type-timestamp-precision", column(lambda: TIMESTAMP(precision=3)), column(TIMESTAMP)),
    Case("type-bit-varying", column(lambda: BIT(8)), column(lambda: BIT(8, varying=True))),
    Case(
        "type-interval-fields",
        column(lambda: INTERVAL(fields="DAY TO SECOND")),
        column(lambda: INTERVAL(fields="MONTH")),
    ),
    Case("type-float", column(lambda: Float(24)), column(Double)),
    Case(
        "serial-bigger",
        table("t"),
        lambda metadata: Table("t", metadata, Column("id", BigInteger, primary_key=True)),
    ),
    Case(
        "serial-removed",
        table("t"),
        lambda metadata: Table("t", metadata, Column("id", Integer, primary_key=True, autoincrement=False)),
    ),
    Case(
        "serial-added",
        lambda metadata: Table("t", metadata, Column("id", Integer, primary_key=True, autoincrement=False)),
        table("t"),
    ),
    Case(
        "exclude-operator-class-in-new-table",
        nothing,
        table(
            "t",
            lambda: Column("x", INET),
            lambda: ExcludeConstraint(("x", "&&"), using="gist", ops={"x": "inet_ops"}, name="t_excl"),
        ),
    ),
    Case("check-of-column-in-new-table", nothing, column(Float, lambda: CheckConstraint("x > 0", name="x"))),
    Case("foreign-key-use-alter", nothing, _circle(cut=True)),
    Case("foreign-keys-in-a-circle-dropped", _circle(cut=True), nothing),
    Case(
        "foreign-key-and-its-table-dropped",
        several(
            table("cats", lambda: Column("code", Text, unique=True)),
            table("toys", lambda: Column("code", Text, ForeignKey("cats.code"))),
        ),
        table("toys", lambda: Column("code", Text)),
    ),
    Case(
        "foreign-key-and-its-unique-dropped",
        several(
            table("cats", lambda: Column("code", Text, unique=True)),
            table("toys", lambda: Column("code", Text, ForeignKey("cats.code"))),
        ),
        several(table("cats", lambda: Column("code", Text)), table("toys", lambda: Column("code", Text))),
    ),
    Case(
        "enum-type-renamed-with-default",
        column(lambda: Enum("x", "y", name="old_state"), server_default=text("'x'")),
        column(lambda: Enum("x", "y", name="new_state"), server_default=text("'x'")),
    ),
    Case("enum-value-added-in-the-middle", mood("sad", "ok"), mood("sad", "so-so", "ok", "a:b 5% it's")),
    Case("enum-value-added-and-used", mood("sad", "ok"), mood("sad", "new", "ok", server_default="new")),
    Case("check-in-list-changed", _listed("'a''b'", "'c]'"), _listed("'a''b'", "'d'")),
    Case("check-in-list-removed", _listed("'a'", "'b'"), table("t", lambda: Column("x", String(9)))),
    Case("check-in-list-of-table-dropped", _listed("'a'", "'b'"), lambda _: None),
    Case(
        "type-changed-beneath-generated-column",
        table(
            "t", lambda: Column("x", SmallInteger), lambda: Column("twice", Integer, Computed("x * 2", persisted=True))
        ),
        table("t", lambda: Column("x", Integer), lambda: Column("twice", Integer, Computed("x * 2", persisted=True))),
        rows=("INSERT INTO t (id, x) VALUES (1, 7)",),
    ),
    Case(
        "float-to-integer-beneath-generated-column",
        table("t", lambda: Column("x", Float), lambda: Column("twice", Numeric, Computed("x * 2", persisted=True))),
        table("t", lambda: Column("x", Integer), lambda: Column("twice", Numeric, Computed("x * 2", persisted=True))),
        rows=("INSERT INTO t (id, x) VALUES (1, 7)",),
    ),
    Case(
        "enum-value-removed-beneath-generated-column",
        table("t", *_mood("sad", "ok", "glad")),
        table("t", *_mood("sad", "ok")),
        rows=("INSERT INTO t (id, x) VALUES (1, 'ok')",),
    ),
    Case(
        "enum-value-added-beneath-generated-column",
        table("t", *_mood("sad", "ok")),
        table("t", *_mood("sad", "ok", "glad")),
        rows=("INSERT INTO t (id, x) VALUES (1, 'ok')",),
    ),
    Case(
        "enum-value-removed-beneath-check",
        table(
            "t",
            lambda: Column("x", Enum("sad", "so", "ok", name="mood"), server_default="so"),
            lambda: CheckConstraint("x <> 'sad'", name="x"),
            lambda: Index("ix_t_x", "x", postgresql_where=text("x = 'ok'")),
        ),
        table(
            "t",
            lambda: Column("x", Enum("ok", "sad", name="mood"), server_default="ok"),
            lambda: CheckConstraint("x <> 'sad'", name="x"),
            lambda: Index("ix_t_x", "x", postgresql_where=text("x = 'ok'")),
        ),
    ),
    Case(
        "generated-column-and-its-source",
        table("t"),
        table("t", lambda: Column("a", Integer, Computed("z * 2", persisted=True)), lambda: Column("z", Integer)),
    ),
    Case(
        "text-unchanged",
        column(Text),
        table(
            "t",
            lambda: Column("x", Text, server_default="it's 5% \\ :of", comment="it's 5% \\ :of"),
            lambda: Column("y", Text, server_default="'quoted'"),
            lambda: CheckConstraint(_SPECIAL, name="x"),
            lambda: Index("ix_t_x", "x", postgresql_where=text(_SPECIAL)),
        ),
    ),
    Case(
        "text-unchanged-in-downgrade",
        table("t", lambda: Column("x", Text), lambda: Index("ix_t_x", "x", postgresql_where=text(_SPECIAL))),
        column(Text),
    ),
    Case("trigger-of-new-table", nothing, _watched("")),
    Case("trigger-added", _unwatched, _watched("")),
    Case("trigger-function-changed", _watched(""), _watched("RAISE NOTICE 'now 50%%';")),
    same("trigger-unchanged", _watched("")),
    same("event-of-another-kind", _view_event),
]
