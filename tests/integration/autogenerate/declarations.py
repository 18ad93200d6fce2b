"""Declarations of tables and what is in them, for the cases of autogenerate."""

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Enum,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import DOMAIN, ExcludeConstraint

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


def without_column(*names: str, values: tuple[str, ...] = ("a%", "it's"), schema: str | None = None) -> Build:
    """Declare enum types that no column has."""

    def build(metadata: MetaData) -> None:
        for name in names:
            Enum(*values, name=name, metadata=metadata, schema=schema)

    return build


def mood_kept(metadata: MetaData) -> None:
    """Declare the table without its column of the enum type, and the type."""
    enum(metadata=metadata)
    t()(metadata)


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
