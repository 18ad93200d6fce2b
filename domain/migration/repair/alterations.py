"""Statements that alter an object to its expected attributes, by kind of object."""

from collections.abc import Callable, Mapping

from domain.migration.names import split
from domain.migration.repair import definitions, server_objects
from domain.migration.repair.definitions import literal, texts
from domain.migration.repair.state import Altered, RepairState
from domain.migration.repair.statements import option_changes
from domain.migration.repair.table_alterations import alter_column, alter_constraint, alter_table


def _alter_index(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected, actual = state.expected.objects["index", name], state.actual.objects["index", name]
    table, own = str(expected["table"]), split(name)[1]
    if "valid" in changed and expected["valid"]:
        yield f"REINDEX INDEX {name}", {"valid", "ready"}
    if "options" in changed:
        for clause in option_changes(expected["options"], actual["options"], ""):
            yield f"ALTER INDEX {name} {clause}", {"options", "definition"}
    if "statistics" in changed:
        expected_targets = dict(setting.split(": ") for setting in texts(expected["statistics"]))
        actual_targets = dict(setting.split(": ") for setting in texts(actual["statistics"]))
        for number in sorted(expected_targets.keys() | actual_targets.keys()):
            target = expected_targets.get(number, -1)
            yield f"ALTER INDEX {name} ALTER COLUMN {number} SET STATISTICS {target}", {"statistics"}
    if "clustered" in changed:
        yield (
            f"ALTER TABLE {table} " + (f"CLUSTER ON {own}" if expected["clustered"] else "SET WITHOUT CLUSTER"),
            {"clustered"},
        )
    if "replica_identity" in changed:
        # If this index is no longer the replica identity, the table sets the right one.
        yield (
            f"ALTER TABLE {table} REPLICA IDENTITY USING INDEX {own}" if expected["replica_identity"] else "",
            {"replica_identity"},
        )
    if "tablespace" in changed:
        yield f"ALTER INDEX {name} SET TABLESPACE {expected['tablespace'] or 'pg_default'}", {"tablespace"}


def _alter_sequence(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected, actual = state.expected.objects["sequence", name], state.actual.objects["sequence", name]
    if "persistence" in changed:
        yield (
            f"ALTER SEQUENCE {name} SET {'UNLOGGED' if expected['persistence'] == 'unlogged' else 'LOGGED'}",
            {"persistence"},
        )
    described_attributes = {"type", "start", "increment", "minimum", "maximum", "cache", "cycle"}
    if changed & described_attributes:
        kind = f"AS {expected['type']} " if expected["type"] != actual["type"] else ""
        options = definitions.sequence_options(expected, every=True)
        yield f"ALTER SEQUENCE {name} {kind}{options}", described_attributes
    if "owned_by" in changed:
        yield f"ALTER SEQUENCE {name} OWNED BY {expected['owned_by'] or 'NONE'}", {"owned_by"}


def _alter_view(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected, actual = state.expected.objects["view", name], state.actual.objects["view", name]
    words = definitions.words("view", expected)
    if "options" in changed:
        for clause in option_changes(expected["options"], actual["options"], ""):
            yield f"ALTER {words} {name} {clause}", {"options"}
    if "tablespace" in changed:
        yield f"ALTER {words} {name} SET TABLESPACE {expected['tablespace'] or 'pg_default'}", {"tablespace"}
    if "populated" in changed:
        yield f"REFRESH {words} {name}" + ("" if expected["populated"] else " WITH NO DATA"), {"populated"}


def _alter_function(state: RepairState, name: str, changed: set[str]) -> Altered:
    described = {"definition", "kind", "security_definer", "leakproof", "settings"}
    if changed & described:
        expected = str(state.expected.objects["function", name]["definition"])
        actual = state.actual.objects["function", name]
        if _signature(expected) != _signature(str(actual["definition"])):
            yield f"DROP {definitions.words('function', actual)} {name}", set()
        yield expected.strip(), described


def _signature(definition: str) -> str:
    """Return the part of a function that CREATE OR REPLACE FUNCTION cannot change: its head with the defaults."""
    return definition.partition("\n LANGUAGE")[0]


def _alter_trigger(state: RepairState, name: str, changed: set[str]) -> Altered:
    if "enabled" in changed:
        yield definitions.enabled(name, "trigger", state.expected.objects["trigger", name]), {"enabled"}


def _alter_rule(state: RepairState, name: str, changed: set[str]) -> Altered:
    if "enabled" in changed:
        yield definitions.enabled(name, "rule", state.expected.objects["rule", name]), {"enabled"}


def _alter_statistics(state: RepairState, name: str, changed: set[str]) -> Altered:
    if "target" in changed:
        target = state.expected.objects["statistics", name].get("target")
        yield f"ALTER STATISTICS {name} SET STATISTICS {-1 if target is None else target}", {"target"}


def _alter_type(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected, actual = state.expected.objects["type", name], state.actual.objects["type", name]
    if "values" in changed:
        yield from _alter_values(state, name, texts(expected["values"]), texts(actual["values"]))
    if "default" in changed and expected["kind"] == "domain":
        default = expected["default"]
        clause = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
        yield f"ALTER DOMAIN {name} {clause}", {"default"}
    if "not_null" in changed and expected["kind"] == "domain":
        yield f"ALTER DOMAIN {name} {'SET' if expected['not_null'] else 'DROP'} NOT NULL", {"not_null"}


def _alter_values(state: RepairState, name: str, expected: list[str], actual: list[str]) -> Altered:
    """Return statements that add values of an enum. Postgres has no statement that removes a value."""
    added = [value for value in actual if value not in expected]
    if added or [value for value in expected if value in actual] != actual:
        description = ", ".join(map(literal, added)) or "the order of the values"
        state.unresolved.append(
            f"{description} cannot be removed from the enum {name}: make the type anew, or declare it"
        )
        yield "", {"values"}
        return
    for place, value in enumerate(expected):
        if value not in actual:
            after = (
                f" AFTER {literal(expected[place - 1])}" if place else f" BEFORE {literal(actual[0])}" if actual else ""
            )
            yield f"ALTER TYPE {name} ADD VALUE {literal(value)}{after}", {"values"}


def _alter_extension(state: RepairState, name: str, changed: set[str]) -> Altered:
    if "schema" in changed:
        schema = state.expected.objects["extension", name]["schema"]
        yield f"ALTER EXTENSION {name} SET SCHEMA {schema}", {"schema"}


def _alter_publication(state: RepairState, name: str, changed: set[str]) -> Altered:
    expected = state.expected.objects["publication", name]
    actions = {"inserts", "updates", "deletes", "truncates"}
    if changed & actions:
        published = ", ".join(action.removesuffix("s") for action in sorted(actions) if expected[action])
        yield f"ALTER PUBLICATION {name} SET (publish = {literal(published)})", actions


ALTERATIONS: Mapping[str, Callable[[RepairState, str, set[str]], Altered]] = {
    "column": alter_column,
    "constraint": alter_constraint,
    "database": server_objects.alter_database,
    "extension": _alter_extension,
    "function": _alter_function,
    "index": _alter_index,
    "membership": server_objects.alter_membership,
    "publication": _alter_publication,
    "role": server_objects.alter_role,
    "rule": _alter_rule,
    "sequence": _alter_sequence,
    "statistics": _alter_statistics,
    "table": alter_table,
    "trigger": _alter_trigger,
    "type": _alter_type,
    "view": _alter_view,
    **{kind: server_objects.alter_setting(kind) for kind in server_objects.SETTINGS},
    **{kind: server_objects.alter_privileges(kind) for kind in server_objects.ACLS},
}
