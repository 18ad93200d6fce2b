"""Changes of tables, columns, constraints and plain indexes."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DOMAIN, INT4RANGE, JSON, JSONB, TSVECTOR, ExcludeConstraint

from tests.integration.autogenerate.harness import Build, Case


def t(*items: Any, name: str = "t", **options: Any) -> Build:
    """Declare a table; callables are called, so that each declaration has objects of its own."""

    def build(metadata: MetaData) -> Table:
        made = [item() if callable(item) and not isinstance(item, type) else item for item in items]
        return Table(name, metadata, Column("id", Integer, primary_key=True), *made, **options)

    return build


def col(*arguments: Any, **options: Any) -> Any:
    """Declare a column, anew for each table."""
    return lambda: Column(
        *(a() if callable(a) and (a is Identity or not isinstance(a, type)) else a for a in arguments), **options
    )


def both(*builds: Build) -> Build:
    """Declare several things."""

    def build(metadata: MetaData) -> None:
        for each in builds:
            each(metadata)

    return build


def enum(*values: str, **options: Any) -> Any:
    """Declare an enum type."""
    return Enum(*(values or ("sad", "ok")), name="mood", **options)


def ix(*items: Any, **options: Any) -> Any:
    """Declare an index on `x`."""
    return lambda: Index("ix", *(items or ("x",)), **options)


def ck(sql: str, name: str | None = "x") -> Any:
    """Declare a CHECK."""
    return lambda: CheckConstraint(sql, name=name)


def uq(**options: Any) -> Any:
    """Declare a UNIQUE constraint on `x`."""
    return lambda: UniqueConstraint("x", **options)


def excl(*, where: str | None = None) -> Any:
    """Declare an EXCLUDE constraint on the range `r`."""
    return lambda: ExcludeConstraint(("r", "&&"), name="excl_r", where=text(where) if where else None)


def fk(**options: Any) -> Build:
    """Declare two tables, the second of which refers to the first."""
    return both(
        t(name="p"), t(lambda: Column("pid", Integer), lambda: ForeignKeyConstraint(["pid"], ["p.id"], **options))
    )


def pk(*names: str, name: str | None = None) -> Build:
    """Declare a table with a primary key of these columns."""

    def build(metadata: MetaData) -> None:
        columns = [Column(name, Integer, nullable=False, autoincrement=False) for name in ("a", "b")]
        Table("t", metadata, *columns, *([PrimaryKeyConstraint(*names, name=name)] if names else []))

    return build


def sequence(*, default: bool) -> Build:
    """Declare a sequence, and a column that takes its default from it."""

    def build(metadata: MetaData) -> None:
        made = Sequence("s", metadata=metadata)
        t(Column("x", Integer, server_default=made.next_value() if default else None))(metadata)

    return build


def domain() -> Any:
    """Declare a domain."""
    return DOMAIN("positive", Integer(), check=text("VALUE > 0"))


REFERS = t(lambda: Column("ta", Integer), lambda: ForeignKeyConstraint(["ta"], ["t.a"]), name="u")
X, XS = col("x", Integer), col("x", Text)
NOTHING: Build = lambda _: None  # noqa: E731
GENERATED = col("x", Integer), col("z", Integer, lambda: Computed("x + 1", persisted=True))


def same(key: str, build: Build, *, sql: tuple[str, ...] = (), convention: bool = True) -> Case:
    """Make a case whose models do not change."""
    return Case(key, build, build, sql=sql, convention=convention)


CASES = [
    same("nothing", t(X)),
    # Tables and columns
    Case("table-added", t(), both(t(), t(col("x", Integer, index=True), uq(), ck("x > 0"), name="u"))),
    Case("table-dropped", both(t(), t(col("x", Integer, index=True), uq(), ck("x > 0"), name="u")), t()),
    Case("table-renamed", t(XS), t(XS, name="u")),
    Case("table-in-new-schema", t(), both(t(), t(name="u", schema="other"))),
    Case("table-comment", t(comment="one"), t(comment="100 %s of 'it': two")),
    Case("table-with-added", t(), t(postgresql_with={"fillfactor": 70})),
    Case("table-with-changed", t(postgresql_with={"fillfactor": 80}), t(postgresql_with={"fillfactor": 70})),
    Case("table-with-removed", t(postgresql_with={"fillfactor": 80}), t()),
    Case("table-unlogged", t(), t(prefixes=["UNLOGGED"])),
    Case("column-added", t(), t(XS)),
    Case("column-dropped", t(XS), t()),
    Case("column-renamed", t(XS), t(col("y", Text))),
    Case("column-comment", t(col("x", Text, comment="one")), t(col("x", Text, comment="50 %: two"))),
    Case("column-order", t(X, col("y", Text)), t(col("y", Text), X)),
    Case("column-nullable", t(X), t(col("x", Integer, nullable=False))),
    Case("column-collation", t(XS), t(col("x", Text(collation="C")))),
    Case("column-collation-removed", t(col("x", Text(collation="C"))), t(XS)),
    # Types
    Case("type-length", t(col("x", String(20))), t(col("x", String(40)))),
    Case("type-to-text", t(col("x", String(20))), t(XS)),
    Case("type-timestamptz", t(col("x", DateTime)), t(col("x", DateTime(timezone=True)))),
    Case("type-json-to-jsonb", t(col("x", JSON)), t(col("x", JSONB))),
    Case("type-numeric", t(col("x", Numeric(10, 2))), t(col("x", Numeric(12, 4)))),
    Case("type-array-element", t(col("x", ARRAY(Integer))), t(col("x", ARRAY(BigInteger)))),
    Case("type-text-to-integer", t(XS), t(X)),
    Case("type-with-default", t(col("x", String(20), server_default="a")), t(col("x", Text, server_default="a"))),
    Case("type-domain-column", t(), t(col("x", domain))),
    Case("type-domain-table", t(), both(t(), t(col("x", domain), name="u"))),
    Case(
        "type-domain-changed",
        t(col("x", domain)),
        t(col("x", lambda: DOMAIN("positive", Integer(), check=text("VALUE > 9")))),
    ),
    # Enums
    Case("enum-value-added", t(col("x", lambda: enum("sad", "ok"))), t(col("x", lambda: enum("sad", "ok", "glad")))),
    Case("enum-value-removed", t(col("x", lambda: enum("sad", "ok", "glad"))), t(col("x", lambda: enum("sad", "ok")))),
    Case(
        "enum-value-non-native",
        t(col("x", lambda: enum("sad", "ok", native_enum=False, create_constraint=True))),
        t(col("x", lambda: enum("sad", "no", native_enum=False, create_constraint=True))),
    ),
    Case("enum-column-added", t(), t(col("x", enum))),
    Case("enum-table-added", t(), both(t(), t(col("x", enum), name="u"))),
    Case("enum-column-dropped", t(col("x", enum)), t()),
    Case("enum-table-dropped", both(t(), t(col("x", enum), name="u")), t()),
    Case("enum-from-varchar", t(col("x", String)), t(col("x", enum))),
    Case("enum-to-varchar", t(col("x", enum)), t(col("x", String))),
    # Defaults
    Case("default-added", t(X), t(col("x", Integer, server_default="1"))),
    Case("default-changed", t(col("x", Integer, server_default="1")), t(col("x", Integer, server_default="2"))),
    Case("default-removed", t(col("x", Integer, server_default="1")), t(X)),
    same(
        "default-unchanged",
        t(
            col("a", DateTime(timezone=True), server_default=func.now()),
            col("b", JSONB, server_default=text("'{}'")),
            col("c", Uuid, server_default=text("gen_random_uuid()")),
            col("d", enum, server_default="ok"),
            col("e", ARRAY(Text), server_default=text("'{}'")),
            col("f", String(9), server_default="it's 100 %"),
        ),
    ),
    same("default-unchanged-json", t(col("x", JSON, server_default=text("'{}'")))),
    Case(
        "default-changed-json",
        t(col("x", JSON, server_default=text("'{}'"))),
        t(col("x", JSON, server_default=text("'[]'"))),
    ),
    Case("computed-added", t(X), t(*GENERATED)),
    Case(
        "computed-expression",
        t(*GENERATED),
        t(X, col("z", Integer, lambda: Computed("x + 2", persisted=True))),
        since=17,
    ),
    Case(
        "computed-expression-before-17",
        t(*GENERATED),
        t(X, col("z", Integer, lambda: Computed("x + 2", persisted=True))),
        until=16,
        warns="Computed default on t.z cannot be modified",
    ),
    Case(
        "computed-expression-virtual",
        t(X, col("z", Integer, lambda: Computed("x + 1", persisted=False))),
        t(X, col("z", Integer, lambda: Computed("x + 2", persisted=False))),
        since=18,
    ),
    same(
        "computed-unchanged",
        t(XS, col("z", Text, lambda: Computed("CASE WHEN x IN ('a', 'b') THEN x ELSE 'c' END", persisted=True))),
    ),
    Case(
        "computed-made-plain",
        t(*GENERATED),
        t(X, col("z", Integer)),
        warns="Computed default on t.z cannot be modified",
    ),
    Case(
        "computed-made-of-plain",
        t(X, col("z", Integer)),
        t(*GENERATED),
        warns="Computed default on t.z cannot be modified",
    ),
    Case(
        "computed-stored-to-virtual",
        t(*GENERATED),
        t(X, col("z", Integer, lambda: Computed("x + 1", persisted=False))),
        since=18,
    ),
    Case("identity-added", t(col("x", Integer, nullable=False)), t(col("x", Integer, Identity, nullable=False))),
    Case(
        "identity-options",
        t(col("x", Integer, lambda: Identity(always=True), nullable=False)),
        t(col("x", Integer, lambda: Identity(start=100, increment=5, cycle=True), nullable=False)),
    ),
    Case(
        "identity-removed",
        t(col("x", Integer, lambda: Identity(always=True, start=7), nullable=False)),
        t(col("x", Integer, nullable=False)),
    ),
    Case("identity-of-serial", t(), lambda md: Table("t", md, Column("id", Integer, Identity(), primary_key=True))),
    Case("sequence-added", t(X), sequence(default=False)),
    Case("sequence-as-default", t(X), sequence(default=True)),
    Case("sequence-dropped", sequence(default=False), t(X)),
    # CHECK
    Case("check-added", t(X), t(X, ck("x > 0"))),
    Case("check-removed", t(X, ck("x > 0")), t(X)),
    Case("check-text", t(X, ck("x > 0")), t(X, ck("x > 1 AND x < 100"))),
    same("check-unchanged", t(col("x", String(9)), ck("x IN ('a', 'b') AND x ~ '^%:a'"))),
    Case("check-unnamed-added", t(X), t(X, ck("x > 0", None)), convention=False),
    same("check-unnamed-unchanged", t(X, ck("x > 0", None)), convention=False),
    # Indexes
    Case("index-added", t(X), t(X, ix())),
    Case("index-dropped", t(X, ix()), t(X)),
    Case("index-columns", t(X, ix()), t(X, ix("x", "id"))),
    Case("index-descending", t(X, ix()), t(X, ix(text("x DESC")))),
    Case("index-unique", t(X, ix()), t(X, ix(unique=True))),
    Case("index-expression", t(XS, ix(text("lower(x)"))), t(XS, ix(text("upper(x)")))),
    Case("index-expression-cast", t(X, ix(text("(x::text)"))), t(X, ix(text("(x::bigint)")))),
    Case(
        "index-nulls-not-distinct",
        t(X, ix(unique=True)),
        t(X, ix(unique=True, postgresql_nulls_not_distinct=True)),
        since=15,
    ),
    Case("index-where-added", t(X, ix()), t(X, ix(postgresql_where=text("x > 0")))),
    Case("index-where-changed", t(X, ix(postgresql_where=text("x > 0"))), t(X, ix(postgresql_where=text("x > 1")))),
    Case("index-where-removed", t(X, ix(postgresql_where=text("x > 0"))), t(X, ix())),
    Case("index-include", t(X, ix()), t(X, ix(postgresql_include=["id"]))),
    Case("index-text-opclass", t(XS, ix()), t(XS, ix(postgresql_ops={"x": "text_pattern_ops"}))),
    Case("index-using", t(X, ix()), t(X, ix(postgresql_using="hash"))),
    Case("index-fillfactor", t(X, ix()), t(X, ix(postgresql_with={"fillfactor": 70}))),
    Case(
        "index-gin",
        t(col("x", TSVECTOR), ix(postgresql_using="gin")),
        t(col("x", TSVECTOR), ix(postgresql_using="gin", postgresql_with={"fastupdate": "off"})),
    ),
    same(
        "index-unchanged",
        t(
            col("x", String(9)),
            col("y", Integer),
            ix(
                "x",
                "y",
                unique=True,
                postgresql_where=text("x IN ('a', 'b') AND y > 1"),
                postgresql_with={"fillfactor": 70},
            ),
            lambda: Index("ix2", text("lower(x) DESC NULLS LAST"), "y", postgresql_include=["id"]),
            lambda: Index("ix3", text("(y::bigint + 1)"), postgresql_using="hash"),
            lambda: Index("ix4", "x", postgresql_ops={"x": "varchar_pattern_ops"}),
        ),
    ),
    Case("index-type-changed-beneath", t(col("x", String(9)), ix(text("lower(x)"))), t(XS, ix(text("lower(x)")))),
    Case(
        "index-dropped-exactly",
        t(
            X,
            ix(
                text("(x + 1) DESC"),
                postgresql_where=text("x > 0"),
                postgresql_include=["id"],
                postgresql_with={"fillfactor": 70},
            ),
        ),
        t(X),
    ),
    same(
        "index-invalid",
        t(X, ix()),
        sql=("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass",),
    ),
    # Unique, foreign and primary keys, EXCLUDE
    Case("unique-added", t(X), t(X, uq())),
    Case("unique-nulls-not-distinct", t(X, uq()), t(X, uq(postgresql_nulls_not_distinct=True)), since=15),
    Case("unique-deferrable", t(X, uq()), t(X, uq(deferrable=True, initially="DEFERRED"))),
    Case("unique-include", t(X, uq()), t(X, uq(postgresql_include=["id"]))),
    Case("foreign-key-ondelete", fk(), fk(ondelete="CASCADE")),
    Case("foreign-key-deferrable", fk(), fk(deferrable=True, initially="DEFERRED")),
    Case("foreign-key-match", fk(), fk(match="FULL")),
    Case(
        "foreign-key-unnamed-added",
        both(t(name="p"), t(X)),
        both(t(name="p"), t(col("x", Integer, lambda: ForeignKey("p.id")))),
        convention=False,
        warns="unnamed constraint",
    ),
    Case("primary-key-columns", pk("a"), pk("a", "b")),
    Case("primary-key-added", pk(), pk("a")),
    Case("primary-key-renamed", both(pk("a", name="old"), REFERS), both(pk("a"), REFERS)),
    Case(
        "check-not-valid",
        t(X, ck("x > 0")),
        t(X, ck("x > 0")),
        sql=("ALTER TABLE t DROP CONSTRAINT ck_t_x, ADD CONSTRAINT ck_t_x CHECK (x > 0) NOT VALID",),
        # SQLAlchemy reflects `not_valid` and then does not know its own argument.
        warns="Can't validate argument",
    ),
    same(
        "foreign-key-not-valid",
        fk(),
        sql=(
            "ALTER TABLE t DROP CONSTRAINT fk_t_pid_p",
            "ALTER TABLE t ADD CONSTRAINT fk_t_pid_p FOREIGN KEY (pid) REFERENCES p (id) NOT VALID",
        ),
    ),
    Case("exclude-added", t(col("r", INT4RANGE)), t(col("r", INT4RANGE), excl())),
    Case("exclude-changed", t(col("r", INT4RANGE), excl()), t(col("r", INT4RANGE), excl(where="id > 0"))),
    Case("exclude-removed", t(col("r", INT4RANGE), excl()), t(col("r", INT4RANGE))),
    Case("exclude-in-new-table", NOTHING, t(col("r", INT4RANGE), excl())),
    # What only the database has
    same(
        "database-view",
        t(X),
        sql=("CREATE VIEW v AS SELECT x FROM t", "CREATE MATERIALIZED VIEW m AS SELECT x FROM t"),
    ),
    same(
        "database-function-trigger",
        t(X),
        sql=(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        ),
    ),
    same(
        "database-row-security",
        t(X),
        sql=("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (x > 0)"),
    ),
    same("database-grants", t(X), sql=("GRANT SELECT ON t TO PUBLIC",)),
    same("database-extension-dropped", t(X), sql=("DROP EXTENSION vector",)),
    same("database-sequence", t(X), sql=("CREATE SEQUENCE s",)),
    same("database-statistics", t(X), sql=("CREATE STATISTICS s ON id, x FROM t",)),
    same("database-storage-parameters", t(X), sql=("ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.01)",)),
    same(
        "database-other-schema",
        t(X),
        sql=("CREATE SCHEMA other", "CREATE TABLE other.u (id int)", "CREATE TYPE other.e AS ENUM ('a')"),
    ),
    same("database-enum-unused", t(X), sql=("CREATE TYPE stray AS ENUM ('a')",)),
    same("database-domain", t(X), sql=("CREATE DOMAIN stray AS int",)),
    same(
        "database-partition",
        t(postgresql_partition_by="RANGE (id)"),
        sql=(
            "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10)",
            "CREATE INDEX ON t_1 (id)",
        ),
    ),
    same("database-inherited-table", t(X), sql=("CREATE TABLE child (more int) INHERITS (t)",)),
    same("database-table", t(X), sql=("CREATE TABLE extra (id int)",)),
    same("database-table-unlogged", t(X), sql=("CREATE UNLOGGED TABLE extra (id int)",)),
    same("database-index", t(X), sql=("CREATE INDEX extra ON t (x)",)),
    same("database-table-comment", t(X), sql=("COMMENT ON TABLE t IS 'noted by hand'",)),
]
