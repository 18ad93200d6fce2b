"""Changes that depend on each other, names with signs that SQL or drivers read, and what stands on a changed column."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tests.integration.autogenerate.harness import Build, Case

_SCHEMA = "My S %"


def _signs(*, more: bool) -> Build:
    """Declare tables whose names contain percent signs, colons, quotes and blanks."""

    def build(metadata: MetaData) -> None:
        columns = [
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


CASES = [
    Case("names-with-signs", lambda _: None, _signs(more=False)),
    Case("names-with-signs-changed", _signs(more=False), _signs(more=True)),
]
