"""SQL for what is no part of a schema: roles, the database itself, settings, and privileges beside those of objects.

The syntax follows the Postgres manual, part "SQL Commands".
"""

from collections.abc import Callable, Iterator, Mapping

from domain.migration.repair.definitions import Attributes, literal, texts
from domain.migration.repair.privileges import privileges
from domain.migration.repair.state import Altered, RepairState
from domain.migration.repair.statements import THIS_DATABASE, in_its_place
from domain.migration.snapshot import Value

# Attributes of a role that are on or off, with their words.
_SWITCHES = {
    "superuser": "SUPERUSER", "inherits": "INHERIT", "creates_roles": "CREATEROLE", "creates_databases": "CREATEDB",
    "logs_in": "LOGIN", "replicates": "REPLICATION", "bypasses_row_security": "BYPASSRLS",
}  # fmt: skip
# Settings whose values are lists of names, which Postgres keeps as they are written (pg_dump, dumputils.c).
_LISTS = frozenset({
    "search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries",
    "shared_preload_libraries", "unix_socket_directories",
})  # fmt: skip
# How GRANT calls what `pg_identify_object` calls otherwise.
_GRANTED = {
    "aggregate": "function", "materialized view": "view", "foreign table": "table", "foreign-data wrapper":
    "foreign data wrapper", "server": "foreign server", "window function": "function",
}  # fmt: skip


def create(kind: str, name: str, attributes: Attributes) -> list[str] | None:
    """Return the statements that create an object or set something; None if it is none of these kinds."""
    return list(_CREATORS[kind](name, attributes)) if kind in _CREATORS else None


def drop(kind: str, name: str, attributes: Attributes) -> list[str] | None:
    """Return the statements that drop an object or reset something; None if it is none of these kinds."""
    return list(_DROPPERS[kind](name, attributes)) if kind in _DROPPERS else None


def _create_role(name: str, attributes: Attributes) -> Iterator[str]:
    yield f"CREATE ROLE {name}{_role_options(attributes, {**attributes, **_NEW_ROLE})}"


_NEW_ROLE: Mapping[str, Value] = {**dict.fromkeys(_SWITCHES, False), "inherits": True, "connection_limit": -1,
                                  "valid_until": None}  # fmt: skip


def _role_options(expected: Attributes, actual: Attributes) -> str:
    parts = [
        word if expected[attribute] else f"NO{word}"
        for attribute, word in _SWITCHES.items()
        if expected[attribute] != actual[attribute]
    ]
    if expected["connection_limit"] != actual["connection_limit"]:
        parts.append(f"CONNECTION LIMIT {expected['connection_limit']}")
    if expected["valid_until"] != actual["valid_until"]:
        parts.append(f"VALID UNTIL {literal(expected['valid_until'] or 'infinity')}")
    return "".join(f" {part}" for part in parts)


def alter_role(state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return the statement that gives a role its attributes; a time of expiry is taken back by infinity."""
    expected, actual = state.expected.objects["role", name], state.actual.objects["role", name]
    settled = changed & {*_SWITCHES, "connection_limit", "valid_until"}
    if settled:
        yield f"ALTER ROLE {name}{_role_options(expected, actual)}", settled


def _grant_membership(_name: str, attributes: Attributes) -> Iterator[str]:
    grant = f"GRANT {attributes['role']} TO {attributes['member']}"
    if attributes.get("sets") is None:  # up to Postgres 15
        yield f"{grant} WITH ADMIN OPTION" if attributes["grants"] else grant
    else:
        words = {"ADMIN": "grants", "INHERIT": "inherits", "SET": "sets"}
        options = (f"{word} {'TRUE' if attributes[attribute] else 'FALSE'}" for word, attribute in words.items())
        yield f"{grant} WITH {', '.join(options)}"


def alter_membership(state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return the statement that gives a membership its options."""
    if changed & {"grants", "inherits", "sets"}:
        (statement,) = _grant_membership(name, state.expected.objects["membership", name])
        yield statement, {"grants", "inherits", "sets"}


def alter_database(state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return the statements that give the database its limits."""
    expected = state.expected.objects["database", name]
    limit = expected["connection_limit"]
    words = {
        "connection_limit": f"CONNECTION LIMIT {-1 if limit is None else limit}",
        "allows_connections": f"ALLOW_CONNECTIONS {str(expected['allows_connections']).lower()}",
        "is_template": f"IS_TEMPLATE {str(expected['is_template']).lower()}",
    }
    for attribute, clause in words.items():
        if attribute in changed:
            yield in_its_place("database", f"ALTER DATABASE {THIS_DATABASE} {clause}"), {attribute}


def _set(kind: str) -> Callable[[str, Attributes], Iterator[str]]:
    def statements(name: str, attributes: Attributes) -> Iterator[str]:
        parameter = name.partition(" of ")[0]
        value = str(attributes["value"])
        yield _setting(kind, name, f"SET {parameter} = {value if parameter in _LISTS and value else literal(value)}")

    return statements


def _reset(kind: str) -> Callable[[str, Attributes], Iterator[str]]:
    def statements(name: str, _attributes: Attributes) -> Iterator[str]:
        yield _setting(kind, name, f"RESET {name.partition(' of ')[0]}")

    return statements


def _setting(kind: str, name: str, clause: str) -> str:
    role = name.partition(" of ")[2]
    if kind == "role setting":
        return f"ALTER ROLE {role or 'ALL'} {clause}"
    subject = f"ROLE {role} IN DATABASE" if role else "DATABASE"
    return in_its_place("database", f"ALTER {subject} {THIS_DATABASE} {clause}")


def alter_setting(kind: str) -> Callable[[RepairState, str, set[str]], Altered]:
    """Return the function that gives a setting its former value."""

    def alter(state: RepairState, name: str, _changed: set[str]) -> Altered:
        for statement in _set(kind)(name, state.expected.objects[kind, name]):
            yield statement, {"value"}

    return alter


def _granted(kind: str) -> Callable[[str, Attributes, Value, Value], Iterator[str]]:
    """Return the function that leads from one list of privileges to another, for kinds beside objects of schemas."""

    def of_built_in(_name: str, attributes: Attributes, expected: Value, actual: Value) -> Iterator[str]:
        identified, identity = str(attributes["type"]), str(attributes["identity"])
        own_kind = "column" if identified.endswith(" column") else _GRANTED.get(identified, identified)
        yield from privileges(own_kind, identity, {"kind": own_kind}, expected, actual)

    def of_parameter(name: str, attributes: Attributes, expected: Value, actual: Value) -> Iterator[str]:
        yield from privileges("parameter", name, attributes, _of_others(expected), _of_others(actual))

    def of_new_objects(_name: str, attributes: Attributes, expected: Value, actual: Value) -> Iterator[str]:
        where = f" IN SCHEMA {attributes['schema']}" if attributes.get("schema") else ""
        for statement in privileges("default privileges", str(attributes["type"]), attributes, expected, actual):
            yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {attributes['role']}{where} {statement}"

    return {
        "privileges": of_built_in,
        "parameter privileges": of_parameter,
        "default privileges": of_new_objects,
    }[kind]


def _of_others(acl: Value) -> tuple[str, ...]:
    """Return the items that a role has not granted to itself, as the owner of all parameters has them always."""
    return tuple(item for item in texts(acl) if item.partition("=")[0] != item.rpartition("/")[2])


def alter_privileges(kind: str) -> Callable[[RepairState, str, set[str]], Altered]:
    """Return the function that gives a list of privileges back what it had."""

    def alter(state: RepairState, name: str, _changed: set[str]) -> Altered:
        expected, actual = state.expected.objects[kind, name], state.actual.objects[kind, name]
        yield "", {"acl", "initial_acl"}
        for statement in _granted(kind)(name, expected, expected["acl"], actual["acl"]):
            yield statement, {"acl"}

    return alter


def _grant(kind: str) -> Callable[[str, Attributes], Iterator[str]]:
    return lambda name, attributes: _granted(kind)(name, attributes, attributes["acl"], attributes.get("initial_acl"))


def _revoke(kind: str) -> Callable[[str, Attributes], Iterator[str]]:
    return lambda name, attributes: _granted(kind)(name, attributes, attributes.get("initial_acl"), attributes["acl"])


def _create_language(name: str, attributes: Attributes) -> Iterator[str]:
    parts = [f"CREATE {'TRUSTED ' if attributes['trusted'] else ''}LANGUAGE {name}"]
    words = {"handler": "HANDLER", "inline": "INLINE", "validator": "VALIDATOR"}
    parts += [f"{word} {_function(attributes[part])}" for part, word in words.items() if attributes[part] is not None]
    yield " ".join(parts)


def _create_transform(name: str, attributes: Attributes) -> Iterator[str]:
    words = {"from_sql": "FROM SQL WITH FUNCTION", "to_sql": "TO SQL WITH FUNCTION"}
    parts = [f"{word} {attributes[part]}" for part, word in words.items() if attributes[part] is not None]
    yield f"CREATE TRANSFORM {name} ({', '.join(parts)})"


def _create_conversion(name: str, attributes: Attributes) -> Iterator[str]:
    encodings = f"FOR {literal(attributes['source'])} TO {literal(attributes['target'])}"
    default = "DEFAULT " if attributes["default"] else ""
    yield f"CREATE {default}CONVERSION {name} {encodings} FROM {_function(attributes['function'])}"


def _create_access_method(name: str, attributes: Attributes) -> Iterator[str]:
    kind = str(attributes["type"]).upper()
    yield f"CREATE ACCESS METHOD {name} TYPE {kind} HANDLER {_function(attributes['handler'])}"


def _function(signature: Value) -> str:
    """Return the name of a function without the types of its arguments."""
    return str(signature).partition("(")[0]


def _depend(name: str, _attributes: Attributes) -> Iterator[str]:
    dependent, _, extension = name.rpartition(" on ")
    yield f"ALTER {dependent} DEPENDS ON EXTENSION {extension}"


def _depend_no_more(name: str, _attributes: Attributes) -> Iterator[str]:
    dependent, _, extension = name.rpartition(" on ")
    yield f"ALTER {dependent} NO DEPENDS ON EXTENSION {extension}"


ACLS = ("privileges", "parameter privileges", "default privileges")
SETTINGS = ("database setting", "role setting")
_CREATORS: Mapping[str, Callable[[str, Attributes], Iterator[str]]] = {
    "role": _create_role,
    "membership": _grant_membership,
    "extension dependency": _depend,
    "language": _create_language,
    "transform": _create_transform,
    "conversion": _create_conversion,
    "access method": _create_access_method,
    **{kind: _set(kind) for kind in SETTINGS},
    **{kind: _grant(kind) for kind in ACLS},
}
_DROPPERS: Mapping[str, Callable[[str, Attributes], Iterator[str]]] = {
    "role": lambda name, _attributes: iter([f"DROP ROLE {name}"]),
    "membership": lambda _name, attributes: iter([f"REVOKE {attributes['role']} FROM {attributes['member']}"]),
    "extension dependency": _depend_no_more,
    **{kind: _reset(kind) for kind in SETTINGS},
    **{kind: _revoke(kind) for kind in ACLS},
}
