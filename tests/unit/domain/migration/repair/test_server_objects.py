"""Statements for roles, the database itself and what else is no part of a schema."""

from collections.abc import Mapping

from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import steps
from tests.unit.domain.migration.traces import Objects

ROLE: Mapping[str, Value] = {
    "superuser": False,
    "inherits": True,
    "creates_roles": False,
    "creates_databases": False,
    "logs_in": False,
    "replicates": False,
    "bypasses_row_security": False,
    "connection_limit": -1,
    "valid_until": None,
    "comment": None,
}
DATABASE: Mapping[str, Value] = {
    "connection_limit": None,
    "allows_connections": True,
    "is_template": False,
    "owner": "shop",
    "acl": ("=Tc/shop", "shop=CTc/shop"),
    "comment": None,
}


def role(**more: Value) -> Objects:
    """The role app."""
    return {("role", "app"): {**ROLE, **more}}


def member(**more: Value) -> Objects:
    """The membership of app in staff."""
    entry: Mapping[str, Value] = {
        "member": "app",
        "role": "staff",
        "grants": False,
        "inherits": True,
        "sets": True,
        "grantors": ("shop",),
    }
    return {("membership", "app in staff"): {**entry, **more}}


def test_a_role() -> None:
    """It gets what a new role has not, and is altered in what differs; its memberships go with it."""
    assert steps(role(logs_in=True, inherits=False, connection_limit=3), {}) == [
        'op.execute("CREATE ROLE app NOINHERIT LOGIN CONNECTION LIMIT 3")'
    ]
    assert steps(role(valid_until="2030-01-01"), role(bypasses_row_security=True)) == [
        "op.execute(\"ALTER ROLE app NOBYPASSRLS VALID UNTIL '2030-01-01'\")"
    ]
    assert steps({}, {**role(), **member()}) == ['op.execute("DROP ROLE app")']


def test_a_role_that_expired_never_expires_again() -> None:
    """Postgres has no statement that removes the time, but infinity means the same."""
    assert steps(role(), role(valid_until="2030-01-01")) == ["op.execute(\"ALTER ROLE app VALID UNTIL 'infinity'\")"]


def test_a_membership() -> None:
    """Up to Postgres 15 it has only the admin option."""
    assert steps(member(), {}) == ['op.execute("GRANT staff TO app WITH ADMIN FALSE, INHERIT TRUE, SET TRUE")']
    assert steps({}, member()) == ['op.execute("REVOKE staff FROM app")']
    assert steps(member(sets=False), member()) == [
        'op.execute("GRANT staff TO app WITH ADMIN FALSE, INHERIT TRUE, SET FALSE")'
    ]
    assert steps(member(grants=True, sets=None), {}) == ['op.execute("GRANT staff TO app WITH ADMIN OPTION")']
    assert steps(member(sets=None), {}) == ['op.execute("GRANT staff TO app")']


def test_the_database_has_the_name_that_it_has_there() -> None:
    """Its name is asked for where the statement runs; percent signs stay as they are."""
    key = ("database", "itself")
    changed = {**DATABASE, "connection_limit": 7, "comment": "10%", "acl": ("shop=CTc/shop",)}
    execute = "op.execute(\"DO $$ BEGIN EXECUTE format('{}', current_database()); END $$\")"
    assert steps({key: DATABASE}, {key: changed}) == [
        execute.format("ALTER DATABASE %I CONNECTION LIMIT -1"),
        execute.format("COMMENT ON DATABASE %I IS NULL"),
        execute.format("GRANT TEMPORARY, CONNECT ON DATABASE %I TO PUBLIC"),
    ]
    (comment,) = steps({key: {**DATABASE, "comment": "10%"}}, {key: DATABASE})
    assert "COMMENT ON DATABASE %I IS ''10%%''" in comment


def test_settings() -> None:
    """Those of a role in the database, of a role everywhere and of all roles; a list is written as it is kept."""
    lists: Objects = {("database setting", "search_path of app"): {"value": '"a b", public'}}
    (in_database,) = steps(lists, {})
    assert """ALTER ROLE app IN DATABASE %I SET search_path = "a b", public'""" in in_database.replace("\\", "")
    everywhere: Objects = {("role setting", "work_mem of app"): {"value": "8MB"}}
    assert steps(everywhere, {}) == ["op.execute(\"ALTER ROLE app SET work_mem = '8MB'\")"]
    assert steps({}, everywhere) == ['op.execute("ALTER ROLE app RESET work_mem")']
    of_all: Objects = {("role setting", "work_mem"): {"value": "8MB"}}
    assert steps(of_all, {("role setting", "work_mem"): {"value": "9MB"}}) == [
        "op.execute(\"ALTER ROLE ALL SET work_mem = '8MB'\")"
    ]


def test_privileges_beside_those_of_objects() -> None:
    """On what is built in, on parameters, and of objects to come."""
    built_in: Objects = {
        ("privileges", "on table column pg_catalog.pg_authid.rolname"): {
            "type": "table column",
            "identity": "pg_catalog.pg_authid.rolname",
            "acl": ("app=r/shop",),
            "initial_acl": (),
        }
    }
    assert steps({}, built_in) == ['op.execute("REVOKE SELECT (rolname) ON TABLE pg_catalog.pg_authid FROM app")']
    parameter: Objects = {("parameter privileges", "work_mem"): {"acl": ("shop=sA/shop", "app=s/shop")}}
    assert steps(parameter, {}) == ['op.execute("GRANT SET ON PARAMETER work_mem TO app")']
    to_come: Objects = {
        ("default privileges", "of shop on tables in schema public"): {
            "role": "shop",
            "type": "TABLES",
            "schema": "public",
            "acl": ("app=r/shop",),
            "initial_acl": (),
        }
    }
    assert steps(to_come, {}) == [
        'op.execute("ALTER DEFAULT PRIVILEGES FOR ROLE shop IN SCHEMA public GRANT SELECT ON TABLES TO app")'
    ]


def test_a_role_without_an_end_is_made_without_one() -> None:
    """Only a time of expiry is written, and only where the role has another one."""
    assert steps(role(), {}) == ['op.execute("CREATE ROLE app")']
    assert steps(role(valid_until="2030-01-01", logs_in=True), role(valid_until="2030-01-01")) == [
        'op.execute("ALTER ROLE app LOGIN")'
    ]
