"""Catalogs as the inspector reads them, in few words: what is not named is as a plain object has it."""

import ast

from domain.migration.repair.derivation import Repair, derive
from domain.migration.repair.renames import Rename
from domain.migration.snapshot import SchemaSnapshot, Value
from tests.unit.domain.migration.traces import Objects

PEOPLE = "public.people"
PETS = "public.pets"

_STORAGE = {"integer": "plain", "bigint": "plain", "numeric": "main"}


def table(name: str = PEOPLE, *columns: str, **more: Value) -> Objects:
    """A table with text columns, in that order."""
    attributes: dict[str, Value] = {
        "kind": "table",
        "persistence": "permanent",
        "access_method": "heap",
        "options": (),
        "toast_options": (),
        "tablespace": None,
        "partition_key": None,
        "partition_bound": None,
        "parents": (),
        "of_type": None,
        "row_security": False,
        "force_row_security": False,
        "replica_identity": "default",
        "owner": "shop",
        "acl": ("shop=arwdDxtm/shop",),
        "comment": None,
    }
    objects: Objects = {("table", name): attributes | more}
    for position, own in enumerate(columns, start=1):
        objects |= column(f"{name}.{own}", position=position)
    return objects


def column(name: str, kind: Value = "text", **more: Value) -> Objects:
    """A column that may be NULL."""
    attributes: dict[str, Value] = {
        "type": kind,
        "position": 1,
        "not_null": False,
        "default": None,
        "identity": None,
        "generated": None,
        "expression": None,
        "storage": _STORAGE.get(str(kind), "extended"),
        "compression": None,
        "statistics": None,
        "collation": None,
        "options": (),
        "local": True,
        "inherited": False,
        "acl": (),
        "comment": None,
    }
    return {("column", name): attributes | more}


def constraint(name: str, kind: str, definition: str, **more: Value) -> Objects:
    """A constraint that holds for all rows."""
    attributes: dict[str, Value] = {
        "type": kind,
        "definition": definition,
        "validated": True,
        "enforced": True,
        "deferrable": False,
        "deferred": False,
        "local": True,
        "inherited": False,
        "triggers": None,
        "comment": None,
    }
    return {("constraint", name): attributes | more}


def index(name: str, on: Value = PEOPLE, definition: Value = "btree (email)", **more: Value) -> Objects:
    """An index, its definition as it stands after USING."""
    unique = "UNIQUE " if more.get("unique") else ""
    own = name.rpartition(".")[2]
    attributes: dict[str, Value] = {
        "table": on,
        "definition": f"CREATE {unique}INDEX {own} ON {on} USING {definition}",
        "access_method": "btree",
        "opclass": ("text_ops",),
        "opclass_options": (),
        "statistics": (),
        "options": (),
        "predicate": None,
        "unique": False,
        "nulls_not_distinct": False,
        "valid": True,
        "ready": True,
        "clustered": False,
        "replica_identity": False,
        "constraint": None,
        "parent": None,
        "tablespace": None,
        "comment": None,
    }
    return {("index", name): attributes | more}


def sequence(name: str = "public.tickets", **more: Value) -> Objects:
    """A sequence with the options that Postgres gives when nobody says otherwise."""
    attributes: dict[str, Value] = {
        "type": "bigint",
        "start": 1,
        "increment": 1,
        "minimum": 1,
        "maximum": 2**63 - 1,
        "cache": 1,
        "cycle": False,
        "owned_by": None,
        "of_identity": False,
        "persistence": "permanent",
        "owner": "shop",
        "acl": ("shop=rwU/shop",),
        "comment": None,
    }
    return {("sequence", name): attributes | more}


def view(name: str, definition: str, **more: Value) -> Objects:
    """A view."""
    attributes: dict[str, Value] = {
        "kind": "view",
        "definition": definition,
        "options": (),
        "populated": True,
        "owner": "shop",
        "acl": ("shop=arwdDxtm/shop",),
        "comment": None,
    }
    return {("view", name): attributes | more}


def function(name: str, definition: str, **more: Value) -> Objects:
    """A function, by its name with the types of its arguments."""
    attributes: dict[str, Value] = {
        "kind": "function",
        "definition": definition,
        "owner": "shop",
        "acl": ("=X/shop", "shop=X/shop"),
        "comment": None,
    }
    return {("function", name): attributes | more}


def trigger(name: str, definition: str, **more: Value) -> Objects:
    """A trigger that fires."""
    return {
        ("trigger", name): {"definition": definition, "enabled": "origin", "inherited": False, "comment": None, **more}
    }


def rule(name: str, definition: str, **more: Value) -> Objects:
    """A rule that is switched on."""
    return {("rule", name): {"definition": definition, "enabled": "origin", "comment": None, **more}}


def policy(name: str, **more: Value) -> Objects:
    """A permissive policy for everyone and every command."""
    attributes: dict[str, Value] = {
        "command": "all",
        "permissive": True,
        "roles": ("public",),
        "using": None,
        "check": None,
        "comment": None,
    }
    return {("policy", name): attributes | more}


def enum(name: str, *values: str, **more: Value) -> Objects:
    """An enum."""
    return {("type", name): {**_type("enum"), "values": values, **more}}


def domain_type(name: str, base: str, **more: Value) -> Objects:
    """A domain."""
    return {("type", name): {**_type("domain"), "base_type": base, **more}}


def composite(name: str, **more: Value) -> Objects:
    """A composite type, its columns apart."""
    return {("type", name): {**_type("composite"), **more}}


def _type(kind: str) -> dict[str, Value]:
    return {
        "kind": kind,
        "values": (),
        "base_type": None,
        "not_null": False,
        "default": None,
        "collation": None,
        "owner": "shop",
        "acl": ("=U/shop", "shop=U/shop"),
        "comment": None,
    }


def statistics(name: str, on: str, definition: str, **more: Value) -> Objects:
    """Extended statistics."""
    attributes: dict[str, Value] = {"table": on, "definition": definition, "target": None, "owner": "shop"}
    return {("statistics", name): {**attributes, "comment": None, **more}}


def publication(name: str, **more: Value) -> Objects:
    """A publication of all that happens to its tables."""
    attributes: dict[str, Value] = {
        "all_tables": False,
        "inserts": True,
        "updates": True,
        "deletes": True,
        "truncates": True,
        "via_partition_root": False,
        "generated_columns": "n",
        "owner": "shop",
        "comment": None,
    }
    return {("publication", name): attributes | more}


def without(objects: Objects, *names: str) -> Objects:
    """Leave objects out by name, and whatever lies in them."""
    inner = tuple(f"{name}." for name in names)
    return {key: value for key, value in objects.items() if key[1] not in names and not key[1].startswith(inner)}


def repair(expected: Objects, actual: Objects, *renames: Rename) -> Repair:
    """What leads from the actual catalog to the expected one; there is something to do."""
    derived = derive(SchemaSnapshot(expected), SchemaSnapshot(actual), renames)
    assert derived is not None
    return derived


def steps(expected: Objects, actual: Objects, *renames: Rename) -> list[str]:
    """The calls that lead from the actual catalog all the way to the expected one."""
    derived = repair(expected, actual, *renames)
    assert (derived.unresolved, derived.refusal) == ((), None)
    return list(derived.steps)


def statements(expected: Objects, actual: Objects, *renames: Rename) -> list[str]:
    """The same where all calls are of SQL: that SQL, each statement in one line."""
    calls = [ast.parse(call, mode="eval").body for call in steps(expected, actual, *renames)]
    return [" ".join(_executed(call).split()) for call in calls]


def _executed(call: ast.expr) -> str:
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "op.execute"
    (text,) = call.args
    return str(ast.literal_eval(text))
