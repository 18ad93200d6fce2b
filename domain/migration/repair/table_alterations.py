"""Statements that alter tables, their columns and constraints to the expected attributes."""

from domain.migration.names import bare, split
from domain.migration.repair import definitions
from domain.migration.repair.definitions import Attributes, literal, texts
from domain.migration.repair.state import Altered, RepairState
from domain.migration.repair.statements import option_changes
from domain.migration.snapshot import attributes


def alter_table(state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return statements that alter a table as expected, each with the attributes that it settles."""
    expected, actual = state.expected.objects["table", name], state.actual.objects["table", name]
    alter = f"ALTER TABLE {name}"
    if "persistence" in changed:
        yield f"{alter} SET {'UNLOGGED' if expected['persistence'] == 'unlogged' else 'LOGGED'}", {"persistence"}
    for attribute, prefix in (("options", ""), ("toast_options", "toast.")):
        if attribute in changed:
            for clause in option_changes(expected[attribute], actual[attribute], prefix):
                yield f"{alter} {clause}", {attribute}
    for attribute, switch in (("row_security", ("DISABLE", "ENABLE")), ("force_row_security", ("NO FORCE", "FORCE"))):
        if attribute in changed:
            yield f"{alter} {switch[bool(expected[attribute])]} ROW LEVEL SECURITY", {attribute}
    if "replica_identity" in changed:
        yield from _alter_replica_identity(state, name)
    for attribute, usual in (("access_method", "heap"), ("tablespace", "pg_default")):
        if attribute in changed:
            yield f"{alter} SET {attribute.replace('_', ' ').upper()} {expected[attribute] or usual}", {attribute}
    yield from _alter_parents(name, expected, actual, changed)


def _alter_replica_identity(state: RepairState, table: str) -> Altered:
    expected = state.expected.objects["table", table]["replica_identity"]
    indexes = (attributes(state.expected, "index", name) for name in state.expected.names("index"))
    if expected != "index":
        yield f"ALTER TABLE {table} REPLICA IDENTITY {str(expected).upper()}", {"replica_identity"}
    elif any(index["table"] == table and index.get("replica_identity") for index in indexes):
        yield "", {"replica_identity"}  # it is set along with the index


def _alter_parents(name: str, expected: Attributes, actual: Attributes, changed: set[str]) -> Altered:
    handled = {"parents", "partition_bound"}
    if not changed & handled:
        return
    expected_parents, actual_parents = texts(expected.get("parents")), texts(actual.get("parents"))
    for parent in actual_parents:
        if actual.get("partition_bound") is not None:
            yield f"ALTER TABLE {parent} DETACH PARTITION {name}", handled
        elif parent not in expected_parents:
            yield f"ALTER TABLE {name} NO INHERIT {parent}", handled
    for parent in expected_parents:
        if expected.get("partition_bound") is not None:
            yield f"ALTER TABLE {parent} ATTACH PARTITION {name} {expected['partition_bound']}", handled
        elif parent not in actual_parents:
            yield f"ALTER TABLE {name} INHERIT {parent}", handled


def alter_column(state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return statements that alter a column as expected, each with the attributes that it settles."""
    expected, actual = state.expected.objects["column", name], state.actual.objects["column", name]
    table, own = split(name)
    if ("table", table) not in state.expected.objects:
        if ("view", table) in state.expected.objects:
            yield "", {*changed} - {"comment", "acl"}  # the definition of the view settles the rest
        return
    alter = f"ALTER TABLE {table} ALTER COLUMN {own}"
    if "generated" in changed:
        yield f"{alter} DROP EXPRESSION", {"generated", "expression"}
    if "identity" in changed and expected["identity"] is None:
        yield f"{alter} DROP IDENTITY", {"identity"}
    retyped = bool(changed & {"type", "collation"})
    if retyped:
        if actual.get("default") is not None:
            yield f"{alter} DROP DEFAULT", set()
        collation = f" COLLATE {expected['collation']}" if expected.get("collation") else ""
        # The values of a generated column are computed anew.
        using = "" if expected.get("generated") else f" USING {own}::{expected['type']}"
        yield f"{alter} TYPE {expected['type']}{collation}{using}", {"type", "collation"}
    if "default" in changed or (retyped and expected.get("default") is not None):
        default = expected.get("default")
        if default is not None or not retyped:
            yield f"{alter} " + ("DROP DEFAULT" if default is None else f"SET DEFAULT {default}"), {"default"}
        yield "", {"default"}
    if "not_null" in changed:
        yield f"{alter} {'SET' if expected['not_null'] else 'DROP'} NOT NULL", {"not_null"}
    yield from _alter_identity(state, name, changed)
    yield from _alter_storage(state, name, changed, retyped=retyped)


def _alter_identity(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected, actual = state.expected.objects["column", name], state.actual.objects["column", name]
    table, own = split(name)
    if "identity" not in changed or expected["identity"] is None:
        return
    if actual.get("identity") is not None:
        kind = str(expected["identity"]).upper()
        yield f"ALTER TABLE {table} ALTER COLUMN {own} SET GENERATED {kind}", {"identity"}
        return
    yield f"ALTER TABLE {table} ALTER COLUMN {own} ADD {definitions.identity(name, state.expected)}", {"identity"}
    argument = f"{literal(table)}, {literal(bare(name))}"
    yield f"SELECT setval(pg_get_serial_sequence({argument}), max({own})) FROM {table}", set()  # noqa: S608 - quoted


def _alter_storage(state: RepairState, name: str, changed: set[str], *, retyped: bool) -> Altered:
    expected, actual = state.expected.objects["column", name], state.actual.objects["column", name]
    table, own = split(name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {own}"
    usual = definitions.usual_storage(str(expected["type"]), state.expected)
    if "storage" in changed or (retyped and expected["storage"] != usual):
        yield (
            ""
            if retyped and expected["storage"] == usual
            else (f"{alter} SET STORAGE {str(expected['storage']).upper()}"),
            {"storage"},
        )
    if "compression" in changed:
        yield f"{alter} SET COMPRESSION {expected['compression'] or 'default'}", {"compression"}
    if "statistics" in changed:
        target = -1 if expected["statistics"] is None else expected["statistics"]
        yield f"{alter} SET STATISTICS {target}", {"statistics"}
    if "options" in changed:
        for clause in option_changes(expected["options"], actual["options"], ""):
            yield f"{alter} {clause}", {"options"}


def alter_constraint(_state: RepairState, name: str, changed: set[str]) -> Altered:
    """Return a statement that validates a constraint, if it is expected to be valid."""
    if "validated" in changed:
        table, own = split(name)
        yield f"ALTER TABLE {table} VALIDATE CONSTRAINT {own}", {"validated", "definition"}
