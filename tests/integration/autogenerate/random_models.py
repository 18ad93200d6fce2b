"""Random models: pairs of them are what a project may have before and after a change.

A column of one name has types that Postgres can cast into each other, so that each change has a revision that runs.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from pgvector.sqlalchemy import HALFVEC, Vector
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, INTERVAL, JSON, JSONB, TIMESTAMP, ExcludeConstraint

TYPES: dict[str, list[Any]] = {
    "number": [SmallInteger, Integer, BigInteger, Numeric, Numeric(10, 2), Numeric(12, 4), Float, Float(24), Double],
    "words": [String(20), String(40), String, Text, lambda: String(collation="C"), lambda: Text(collation="C")],
    "time": [DateTime, lambda: DateTime(timezone=True), Date, lambda: TIMESTAMP(precision=3)],
    "document": [JSON, JSONB],
    "numbers": [lambda: ARRAY(Integer), lambda: ARRAY(BigInteger)],
    "vector": [lambda: Vector(3), lambda: HALFVEC(3), lambda: Vector(4)],
    "bits": [lambda: BIT(8), lambda: BIT(8, varying=True), lambda: BIT(varying=True)],
    "span": [INTERVAL, lambda: INTERVAL(precision=3), lambda: INTERVAL(fields="DAY TO SECOND")],
    "yes": [Boolean, lambda: Boolean(create_constraint=True, name="yes_or_no")],
}
DEFAULTS: dict[str, list[Any]] = {
    "number": ["0", text("1 + 1")],
    "words": ["a", "it's", "50% :of \\ it", text("upper('x')"), "'quoted'"],
    "time": [text("now()"), text("'2020-01-01'")],
    "document": ["{}", text("""'{"a": "b:c"}'""")],
    "numbers": ["{}", "{1,2}"],
    "yes": ["true", text("false")],
    "mood": ["sad", text("'ok'")],
    "moods": ["{}", "{sad}"],
}
LABELS = [("sad", "ok"), ("ok", "sad"), ("sad", "so so", "ok"), ("sad", "ok", "it's"), ("sad", "ok", "a:b 5%", "new")]
CHECKS = [
    ("words", "words <> ''"),
    ("words", "words LIKE '%a\\_%' OR words ~ '[[\\:upper\\:]]'"),
    ("words", "lower(words) = 'a:b'"),
    ("number", "number > 0"),
    ("number", "number BETWEEN 1 AND 10"),
    ("mood", "mood <> 'sad'"),
    ("time", "time > '2000-01-01'"),
]
INDEXES: list[tuple[tuple[str, ...], Any]] = [
    (("words",), lambda: Index("ix_a", "words")),
    (("words",), lambda: Index("ix_a", "words", unique=True)),
    (("words",), lambda: Index("ix_a", text("lower(words)"))),
    (
        ("words",),
        lambda: Index("ix_a", "words", postgresql_where=text("words LIKE '50%' OR words ~ '[[\\:digit\\:]]'")),
    ),
    (("number", "words"), lambda: Index("ix_a", "number", "words")),
    (("number", "words"), lambda: Index("ix_b", "number", postgresql_include=["words"])),
    (("number",), lambda: Index("ix_b", "number", postgresql_using="hash")),
    (("number",), lambda: Index("ix_b", text("number DESC"), postgresql_with={"fillfactor": 70})),
    (("mood",), lambda: Index("ix_c", "mood", postgresql_where=text("mood = 'sad'"))),
    (("mood",), lambda: Index("ix_c", "mood")),
    (("words",), lambda: Index("ix_c", text("to_tsvector('english', coalesce(words, ''))"), postgresql_using="gin")),
    (("words",), lambda: Index("ix_d", "words", postgresql_ops={"words": "text_pattern_ops"})),
]
KEY_TYPES: dict[str, Any] = {
    "serial": lambda: Column("id", Integer, primary_key=True),
    "bigserial": lambda: Column("id", BigInteger, primary_key=True),
    "identity": lambda: Column("id", Integer, Identity(), primary_key=True),
    "always": lambda: Column("id", BigInteger, Identity(always=True, start=10), primary_key=True),
    "plain": lambda: Column("id", Integer, primary_key=True, autoincrement=False),
}
BIG = {"bigserial", "always"}


@dataclass(frozen=True)
class Field:
    """A column, by numbers into the lists above."""

    name: str
    type: int
    nullable: bool
    default: int | None
    comment: str | None
    unique: bool


@dataclass(frozen=True)
class Reference:
    """A foreign key to another table, or the same."""

    target: int
    ondelete: str | None
    deferrable: bool | None
    use_alter: bool


@dataclass(frozen=True)
class Model:
    """A table."""

    key: str
    fields: tuple[Field, ...]
    checks: tuple[int, ...]
    indexes: tuple[int, ...]
    references: tuple[Reference, ...]
    generated: int | None
    exclude: bool
    unlogged: bool
    column_check: bool
    comment: str | None


@dataclass(frozen=True)
class Models:
    """All tables, by their number, and the labels of the enum type."""

    tables: tuple[tuple[int, Model], ...]
    labels: tuple[str, ...]
    schema: str | None

    def build(self, metadata: MetaData) -> None:
        """Declare them."""
        present = dict(self.tables)
        if self.schema is not None:
            # A schema that no model names any more is left alone.
            Table("anchor", metadata, Column("id", Integer, primary_key=True), schema=self.schema)
        for number, model in self.tables:
            _table(metadata, self, number, model, present)


def _table(metadata: MetaData, models: Models, number: int, model: Model, present: dict[int, Model]) -> None:
    names = {field.name for field in model.fields}
    items: list[Any] = [KEY_TYPES[model.key]()]
    items += [_column(field, models, model) for field in model.fields]
    if model.generated is not None and "number" in names:
        items.append(Column("twice", Numeric, Computed(f"number * {model.generated}", persisted=True)))
    items += [
        CheckConstraint(CHECKS[check][1], name=f"check_{check % 3}_of_a_table_with_a_name_that_is_long")
        for check in model.checks
        if CHECKS[check][0] in names
    ]
    taken = set()
    for index in model.indexes:
        needed, make = INDEXES[index]
        made = make()
        if set(needed) <= names and made.name not in taken:
            taken.add(made.name)
            made.name = f"{made.name}_{number}"
            items.append(made)
    for reference in model.references:
        if reference.target in present:
            items += _reference(reference, number, present, models)
    if model.exclude and "number" in names:
        items.append(
            ExcludeConstraint(("number", "="), using="btree", name=f"exclude_{number}", where=text("number > 0"))
        )
    prefixes = ["UNLOGGED"] if model.unlogged and not model.references else []
    Table(_name(number), metadata, *items, schema=_schema(number, models), prefixes=prefixes, comment=model.comment)


def _name(number: int) -> str:
    return f"table_{number}"


def _schema(number: int, models: Models) -> str | None:
    return models.schema if number == 0 else None


def _column(field: Field, models: Models, model: Model) -> Column[Any]:
    if field.name in {"mood", "moods"}:
        types: list[Any] = [Enum(*models.labels, name="mood"), Text] if field.name == "mood" else []
        if field.name == "moods":
            types = [ARRAY(Enum(*models.labels, name="mood"))]
    else:
        types = TYPES[field.name]
    type_ = types[field.type % len(types)]
    made = type_() if callable(type_) else type_
    defaults = DEFAULTS.get(field.name, [])
    default = defaults[field.default % len(defaults)] if defaults and field.default is not None else None
    checks = [CheckConstraint("number <> 7", name="not_seven")] if model.column_check and field.name == "number" else []
    unique = field.unique and field.name in {"number", "words", "time"}
    return Column(
        field.name,
        made,
        *checks,
        nullable=field.nullable,
        server_default=default,
        comment=field.comment,
        unique=unique or None,
    )


def _reference(reference: Reference, number: int, present: dict[int, Model], models: Models) -> list[Any]:
    target = _name(reference.target)
    schema = _schema(reference.target, models)
    full = f"{schema}.{target}" if schema else target
    column = f"ref_{reference.target}"
    type_ = BigInteger if present[reference.target].key in BIG else Integer
    return [
        Column(column, type_),
        ForeignKeyConstraint(
            [column],
            [f"{full}.id"],
            ondelete=reference.ondelete,
            deferrable=reference.deferrable,
            # SQLAlchemy warns of a circle that is not cut anywhere.
            use_alter=reference.use_alter or reference.target > number,
        ),
    ]


def _fields() -> st.SearchStrategy[tuple[Field, ...]]:
    def field(name: str) -> st.SearchStrategy[Field]:
        return st.builds(
            Field,
            name=st.just(name),
            type=st.integers(0, 8),
            nullable=st.booleans(),
            default=st.none() | st.integers(0, 4),
            comment=st.sampled_from([None, "it's 5% :of \\ it"]),
            unique=st.booleans(),
        )

    names = st.lists(st.sampled_from([*TYPES, "mood", "moods"]), unique=True, max_size=4)
    return names.flatmap(lambda chosen: st.tuples(*map(field, chosen)))


def _references() -> st.SearchStrategy[tuple[Reference, ...]]:
    reference = st.builds(
        Reference,
        target=st.integers(0, 2),
        ondelete=st.sampled_from([None, "CASCADE", "SET NULL"]),
        deferrable=st.sampled_from([None, True]),
        use_alter=st.booleans(),
    )
    return st.lists(reference, max_size=2, unique_by=lambda each: each.target).map(tuple)


def _model() -> st.SearchStrategy[Model]:
    return st.builds(
        Model,
        key=st.sampled_from(sorted(KEY_TYPES)),
        fields=_fields(),
        checks=st.lists(st.integers(0, len(CHECKS) - 1), max_size=2, unique_by=lambda each: each % 3).map(tuple),
        indexes=st.lists(st.integers(0, len(INDEXES) - 1), max_size=3, unique=True).map(tuple),
        references=_references(),
        generated=st.none() | st.integers(2, 3),
        exclude=st.booleans(),
        unlogged=st.just(False),
        column_check=st.booleans(),
        comment=st.sampled_from([None, "50% of 'it'"]),
    )


def pairs() -> st.SearchStrategy[tuple[Models, Models]]:
    """Return a strategy for all models of a project, before and after a change."""
    return st.sampled_from([None, "app"]).flatmap(lambda schema: st.tuples(_models(schema), _models(schema)))


def _models(schema: str | None) -> st.SearchStrategy[Models]:
    numbers = st.lists(st.integers(0, 2), unique=True, max_size=3)
    tables = numbers.flatmap(lambda chosen: st.tuples(*(st.tuples(st.just(number), _model()) for number in chosen)))
    return st.builds(Models, tables=tables, labels=st.sampled_from(LABELS), schema=st.just(schema))
