"""Object mappers, and Alembic itself called from a revision."""

import subprocess
import sys
from pathlib import Path
from typing import Any

ASK = "SELECT current_database()"


def peewee_database(to: Any) -> str:
    """`peewee.PostgresqlDatabase`"""
    import peewee

    database = peewee.PostgresqlDatabase(to.database, host=to.host, port=to.port, user=to.user)
    with database.connection_context():
        return str(database.execute_sql(ASK).fetchone()[0])


def pony_database(to: Any) -> str:
    """`pony.orm.Database`"""
    from pony import orm

    database = orm.Database()
    database.bind(provider="postgres", host=to.host, port=to.port, user=to.user, database=to.database)
    with orm.db_session:
        found = str(database.select("current_database()")[0])
    database.disconnect()
    return found


def django_connection(to: Any) -> str:
    """Django's ORM"""
    from django.conf import settings
    from django.db.utils import ConnectionHandler

    if not settings.configured:
        settings.configure()
    given = {"HOST": to.host, "PORT": to.port, "USER": to.user, "NAME": to.database}
    connections = ConnectionHandler({"default": {"ENGINE": "django.db.backends.postgresql", **given}})
    with connections["default"].cursor() as cursor:
        cursor.execute(ASK)
        found = str(cursor.fetchone()[0])
    connections.close_all()
    return found


_ENV = """
from pathlib import Path
from alembic import context
from sqlalchemy import create_engine, text

url = context.config.get_main_option("sqlalchemy.url")
with create_engine(url).connect() as connection:
    Path(context.config.get_main_option("answer")).write_text(
        connection.execute(text("SELECT current_database()")).scalar_one()
    )
    context.configure(connection=connection, version_table="second_version")
    with context.begin_transaction():
        context.run_migrations()
"""


def _project(to: Any, name: str) -> tuple[Path, Path]:
    """Write a second project, whose alembic.ini names the victim."""
    folder = Path(to.folder, f"second-{name}-{to.over}")
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text(_ENV)
    answer = folder / "answer"
    answer.unlink(missing_ok=True)
    url = to.sqlalchemy("psycopg").replace("%", "%%")
    ini = folder / "alembic.ini"
    ini.write_text(f"[alembic]\nscript_location = {folder}\nsqlalchemy.url = {url}\nanswer = {answer}\n")
    return ini, answer


def alembic_subprocess(to: Any) -> str:
    """`alembic upgrade head` as a subprocess, as in a script of a deployment"""
    ini, answer = _project(to, "process")
    command = [sys.executable, "-m", "alembic", "-c", str(ini), "upgrade", "head"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not answer.exists():
        raise ConnectionError(done.stderr.strip().splitlines()[-1])
    return answer.read_text()


def alembic_recursive(to: Any) -> str:
    """`alembic.command.upgrade` called from a revision"""
    from alembic import command
    from alembic.config import Config

    ini, answer = _project(to, "command")
    command.upgrade(Config(str(ini)), "head")
    return answer.read_text()


def alembic_set_main_option(to: Any) -> str:
    """`config.set_main_option("sqlalchemy.url", …)` after the fact"""
    import sqlalchemy as sa
    from alembic import context

    context.config.set_main_option("sqlalchemy.url", to.sqlalchemy("psycopg").replace("%", "%%"))
    engine = sa.engine_from_config(context.config.get_section(context.config.config_ini_section, {}))
    with engine.connect() as connection:
        found = str(connection.execute(sa.text(ASK)).scalar_one())
    engine.dispose()
    return found


def alembic_second_context(to: Any) -> str:
    """`MigrationContext.configure` on a connection of the revision's own"""
    import sqlalchemy as sa
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    engine = sa.create_engine(to.sqlalchemy("psycopg2"))
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        found = str(operations.get_bind().execute(sa.text(ASK)).scalar_one())
    engine.dispose()
    return found
