"""Run one change of the models through autogenerate, upgrade and downgrade, and say what came of it."""

import argparse
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import alembic_postgresql_enum
import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic_postgresql_enum.configuration import get_configuration
from sqlalchemy import Connection, MetaData, StaticPool, create_engine, text
from sqlalchemy.schema import CreateSchema

from adapter.outbound.database.base import NAMING_CONVENTION
from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.snapshot import SchemaSnapshot, compare

ENV = """
from alembic import context
from adapter.outbound.database.autogenerate import options

attributes = context.config.attributes
chosen = options(attributes["metadata"]) | attributes.get("options", {})
context.configure(connection=attributes["connection"], transaction_per_migration=True, **chosen)
with context.begin_transaction():
    context.run_migrations()
"""
TEMPLATE = Path(__file__).parents[3] / "adapter/outbound/database/alembic/script.py.mako"

Build = Callable[[MetaData], object]


@dataclass(frozen=True)
class Case:
    """One change of the models.

    Attributes:
        key: The row of the README's table.
        before: Declares the models that the database was made from.
        after: Declares the models as they are now.
        sql: Statements that change the database without the models knowing.
        rows: Statements that fill the tables, before the upgrade.
        convention: Whether the project's naming convention applies.
        since: The first major version that has what the case needs.
        until: The last major version that behaves so.
        warns: What Alembic warns of.
    """

    key: str
    before: Build
    after: Build
    sql: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    convention: bool = True
    since: int = 14
    until: int = 99
    warns: str | None = None

    def metadata(self, build: Build) -> MetaData:
        """Declare models anew: comparing changes enum types of the models in place."""
        metadata = MetaData(naming_convention=NAMING_CONVENTION if self.convention else None)
        build(metadata)
        return metadata


@dataclass
class Outcome:
    """What came of a case, in the words of the README's table.

    Attributes:
        stock: What Alembic with its default settings says: seen, missed, or quiet where nothing differs.
        ours: What it says with our options.
        up: exact, when the upgraded database equals one made from the models; differs; fails.
        down: exact, when the downgraded database equals the one before; differs; fails; empty when not run.
        source: The revision, empty when none was written.
        notes: What differed or failed.
    """

    stock: str = ""
    ours: str = ""
    up: str = ""
    down: str = ""
    source: str = ""
    notes: list[str] = field(default_factory=list)


class Database:
    """A database that is emptied between cases, which is faster than a new one, over one connection."""

    def __init__(self, url: str) -> None:
        # The planner would compile the large catalog queries, which takes longer than running them.
        self.engine = create_engine(
            url.replace("postgresql:", "postgresql+psycopg:", 1),
            poolclass=StaticPool,
            connect_args={"options": "-c jit=off"},
        )

    def reset(self) -> None:
        """Drop everything but pgvector."""
        self.execute(RESET, "CREATE EXTENSION IF NOT EXISTS vector")

    def execute(self, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with self.engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", "\\:")))
                connection.commit()

    def read(self) -> SchemaSnapshot:
        """Read the catalog."""
        with self.engine.connect() as connection:
            return snapshot(_driver(connection))

    def read_as_if_created(self, metadata: MetaData) -> SchemaSnapshot:
        """Read the catalog that `create_all` would make; it is rolled back."""
        for index in (index for table in metadata.tables.values() for index in table.indexes):
            index.dialect_options["postgresql"]["concurrently"] = False
        with self.engine.connect() as connection:
            for schema in {table.schema for table in metadata.tables.values() if table.schema} - {"public"}:
                connection.execute(CreateSchema(schema))
            metadata.create_all(connection)
            made = snapshot(_driver(connection))
            connection.rollback()
            return made


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: Any = connection.connection.driver_connection
    return cast("psycopg.Connection[Any]", driver)


# Members of extensions stay.
RESET = """
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('DROP SCHEMA %I CASCADE', nspname) FROM pg_namespace
         WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
        UNION ALL
        SELECT format('DROP %s IF EXISTS %s CASCADE', kind, object) FROM (
            SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                ELSE 'TABLE' END, oid::regclass::text, oid, tableoid
              FROM (SELECT tableoid, * FROM pg_class ORDER BY relkind = 'S') AS c
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
            UNION ALL
            SELECT 'ROUTINE', oid::regprocedure::text, oid, tableoid
              FROM pg_proc WHERE pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT 'TYPE', oid::regtype::text, oid, tableoid
              FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
        ) AS made (kind, object, oid, class)
         -- an extension has it, or a column that is an identity, with which the sequence goes
         WHERE NOT EXISTS (SELECT FROM pg_depend AS d
                            WHERE d.objid = made.oid AND d.classid = made.class AND d.deptype IN ('e', 'i')
                              AND d.refobjid <> made.oid)  -- as a partitioned table depends on its own columns
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$
"""


class Project:
    """An Alembic directory of its own, without any revision."""

    def __init__(self, directory: Path) -> None:
        self.versions = directory / "versions"
        self.versions.mkdir(parents=True, exist_ok=True)
        (directory / "env.py").write_text(ENV)
        (directory / "script.py.mako").write_text(TEMPLATE.read_text())
        self.output = io.StringIO()
        self.config = Config(stdout=self.output, cmd_opts=argparse.Namespace())
        self.config.set_main_option("script_location", str(directory))
        self.config.set_main_option("path_separator", "os")

    def autogenerate(self, connection: Connection, metadata: MetaData) -> str:
        """Run `alembic revision --autogenerate` and give the text of the new revisions, in their order."""
        known = set(self.versions.glob("*.py"))
        self.config.cmd_opts = argparse.Namespace(autogenerate=True)
        self._run(connection, metadata, lambda: command.revision(self.config, message="change", autogenerate=True))
        self.config.cmd_opts = argparse.Namespace()
        return "\n".join(path.read_text() for path in sorted(set(self.versions.glob("*.py")) - known))

    def check(self, connection: Connection, metadata: MetaData) -> None:
        """Run `alembic check`, which raises when there is a difference."""
        self._run(connection, metadata, lambda: command.check(self.config))

    def upgrade(self, connection: Connection, metadata: MetaData) -> None:
        """Run `alembic upgrade head`."""
        self._run(connection, metadata, lambda: command.upgrade(self.config, "head"))

    def downgrade(self, connection: Connection, metadata: MetaData) -> None:
        """Run `alembic downgrade base`."""
        self._run(connection, metadata, lambda: command.downgrade(self.config, "base"))

    def _run(self, connection: Connection, metadata: MetaData, action: Callable[[], object]) -> None:
        self.config.attributes.update(connection=connection, metadata=metadata)
        try:
            action()
        finally:
            # Alembic leaves the transaction of its reading open.
            connection.rollback()


def run(case: Case, database: Database, directory: Path, *, stock: bool = True) -> Outcome:
    """Run a case and say what came of it; a second autogenerate after an exact upgrade must be empty.

    Args:
        case: The case.
        database: Is emptied first.
        directory: An empty directory.
        stock: Whether to run stock Alembic as well; it says the same on each major version of Postgres.
    """
    outcome = Outcome()
    project = Project(directory)
    database.reset()
    after = database.read_as_if_created(case.metadata(case.after))
    models_before = case.metadata(case.before)
    schemas = sorted({table.schema for table in models_before.tables.values() if table.schema})
    database.execute(*(str(CreateSchema(schema)) for schema in schemas if schema != "public"))
    models_before.create_all(database.engine)
    database.execute(*case.sql)
    before = database.read()
    with database.engine.connect() as connection:
        unseen = "missed" if compare(after, before) else "quiet"
        if stock:
            outcome.stock = "seen" if _stock_sees(connection, case.metadata(case.after)) else unseen
        connection.rollback()
        with _expected_warning(case.warns):
            outcome.source = project.autogenerate(connection, case.metadata(case.after))
        outcome.ours = "seen" if outcome.source else unseen
        if not outcome.source:
            return outcome
        database.execute(*case.rows)
        outcome.up = _attempt(outcome, lambda: project.upgrade(connection, case.metadata(case.after)), database, after)
        if outcome.up == "fails":
            return outcome
        if outcome.up == "exact":
            with _expected_warning(case.warns, required=False):
                again = project.autogenerate(connection, case.metadata(case.after))
            assert not again, again
        outcome.down = _attempt(
            outcome, lambda: project.downgrade(connection, case.metadata(case.after)), database, before
        )
        if outcome.down == "exact":
            # What a downgrade leaves behind would stop the next upgrade.
            project.upgrade(connection, case.metadata(case.after))
    return outcome


def _attempt(outcome: Outcome, action: Callable[[], object], database: Database, expected: SchemaSnapshot) -> str:
    try:
        action()
    except Exception as error:  # noqa: BLE001  # whatever a revision raises is its outcome
        outcome.notes.append(f"{type(error).__name__}: {error}")
        return "fails"
    # Postgres adds columns at the end; the order of columns means nothing to the models.
    difference = compare(expected, database.read(), ignore={"position"})
    if difference:
        outcome.notes.append(str(difference))
    return "differs" if difference else "exact"


def _stock_sees(connection: Connection, metadata: MetaData) -> bool:
    configured = get_configuration()
    # The package takes part in each autogenerate of the process.
    alembic_postgresql_enum.set_configuration(alembic_postgresql_enum.Config(include_name=lambda _: False))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context = MigrationContext.configure(connection, opts={"include_schemas": False})
            return bool(compare_metadata(context, metadata))
    finally:
        alembic_postgresql_enum.set_configuration(configured)


@contextmanager
def _expected_warning(expected: str | None, *, required: bool = True) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    messages = [str(each.message) for each in caught]
    assert all(expected is not None and expected in message for message in messages), messages
    assert messages or expected is None or not required
