"""The downgrade that would have been right: derived from the catalog as it was and the catalog as it is.

What is there too much is dropped, dependents first; what is missing is made from its definition; what differs is
altered. Who depends on whom is read from the definitions, which hold qualified names. Renames are undone as such, for a
column that is dropped and added again comes back empty.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from graphlib import CycleError, TopologicalSorter

from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, quoted
from domain.migration.repair import definitions
from domain.migration.repair.definitions import Attributes, literal, options, texts
from domain.migration.repair.privileges import privileges
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, Value, compare


@dataclass(frozen=True)
class Rename:
    """An object that a revision renamed.

    Attributes:
        kind: As in a snapshot.
        old: Its qualified name before.
        new: Its qualified name after.
    """

    kind: str
    old: str
    new: str


@dataclass(frozen=True)
class Repair:
    """What brings a schema back.

    Attributes:
        steps: Calls of Alembic's `op`, in order; one can have several lines.
        unresolved: What no statement brings back, in sentences.
        refusal: Why there is no way back without a backup; None when there may be one.
    """

    steps: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    refusal: str | None = None

    def downgrade(self, *, whole: bool) -> str:
        """Write the corrected function.

        Args:
            whole: The statements are all that it needs; else they come after those that it has.
        """
        if self.refusal is not None or not self.steps:
            reason = self.refusal or "; ".join(self.unresolved) or "this cannot be undone"
            return f"def downgrade() -> None:\n    raise NotImplementedError({quoted(reason)})\n"
        lines = [] if whole else ["...  # what is there now, then:"]
        lines += [line for step in self.steps for line in step.splitlines()]
        lines += [f"# left to do: {' '.join(one.split())}" for one in self.unresolved]
        return "def downgrade() -> None:\n" + "".join(f"    {line}\n" for line in lines)


def derive(expected: SchemaSnapshot, actual: SchemaSnapshot, renames: Iterable[Rename] = ()) -> Repair | None:
    """Derive what leads from the actual schema to the expected one; None when nothing has to be done.

    Args:
        expected: The catalog before the upgrade.
        actual: The catalog after the downgrade.
        renames: What the upgrade renamed, in order; what is back already is passed over.
    """
    deriver = _Deriver(expected, actual)
    deriver.undo(renames)
    return deriver.repair() if deriver.difference or deriver.done else None


def read_renames(statements: Iterable[str], snapshot: SchemaSnapshot) -> tuple[Rename, ...]:
    """Read from statements of an upgrade what they renamed; names without a schema are looked up in what was before."""
    found: list[Rename] = []
    for sql in statements:
        for match in _RENAME.finditer(sql):
            word, owner, part, own, new = match.group("word", "owner", "part", "own", "new")
            container = _looked_up(owner, snapshot, found)
            if own is None:
                kind = {"materialized view": "view", "domain": "type"}.get(word.lower(), word.lower())
                found.append(Rename(kind, container, f"{split(container)[0]}.{new}".lstrip(".")))
            else:
                kind = "constraint" if (part or "").lower() == "constraint" else "column"
                found.append(Rename(kind, f"{container}.{own}", f"{container}.{new}"))
    return tuple(found)


_NAME = r"(?:\"(?:[^\"]|\"\")+\"|\w+)"
_RENAME = re.compile(
    r"(?:^|;)\s*ALTER\s+(?P<word>TABLE|INDEX|VIEW|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN|SCHEMA)\s+(?:IF\s+EXISTS\s+)?"
    rf"(?:ONLY\s+)?(?P<owner>{_NAME}(?:\.{_NAME})?)\s+RENAME\s+(?:(?P<part>COLUMN|CONSTRAINT|ATTRIBUTE)\s+)?"
    rf"(?:(?!TO\s)(?P<own>{_NAME})\s+)?TO\s+(?P<new>{_NAME})",
    re.IGNORECASE,
)

_REFERENCES = re.compile(rf"^FOREIGN KEY .*? REFERENCES (?P<table>{_NAME}(?:\.{_NAME})?)\(", re.DOTALL)


def _looked_up(name: str, snapshot: SchemaSnapshot, renames: Iterable[Rename]) -> str:
    if split(name)[0]:
        return name
    known = [other for kind, other in snapshot.objects if kind in _OUTER] + [one.new for one in renames]
    fitting = [other for other in known if split(other)[1] == name]
    return min(fitting, key=lambda other: (not other.startswith("public."), other), default=f"public.{name}")


_OUTER = frozenset({"table", "view", "index", "sequence", "type"})


class _Phase(IntEnum):
    """When a statement runs, in this order."""

    RENAME = 0
    DROP = 1
    BASE = 2
    TABLE = 3
    ALTER = 4
    PARTS = 5
    DROP_BASE = 6
    SETTINGS = 7


# Dependents first.
_DROPPED = (
    "event trigger", "publication table", "publication schema", "publication", "policy", "rule", "trigger", "view",
    "constraint", "index", "statistics", "column", "table", "cast", "operator class", "operator", "aggregate",
    "function", "text search configuration", "text search dictionary", "sequence", "type", "collation",
    "user mapping", "foreign server", "foreign data wrapper", "extension", "schema",
)  # fmt: skip
_BASE = ("schema", "extension", "collation", "type", "sequence", "function")
_PARTS = (
    "aggregate", "cast", "constraint", "view", "index", "foreign key", "statistics", "trigger", "rule", "policy",
    "event trigger", "publication", "publication table", "publication schema",
)  # fmt: skip
_MADE = (*_BASE, "table", "column", *_PARTS)
_LATE_DROP = _DROPPED.index("cast")

# Kinds that are dropped and made again when one of these attributes differs.
_REMADE: Mapping[str, frozenset[str]] = {
    "constraint": frozenset({"definition", "type", "deferrable", "deferred", "enforced", "validated"}),
    "index": frozenset({"definition", "opclass", "opclass_options", "predicate", "unique", "nulls_not_distinct"}),
    "trigger": frozenset({"definition"}),
    "rule": frozenset({"definition"}),
    "policy": frozenset({"command", "permissive", "roles", "using", "check"}),
    "view": frozenset({"definition", "kind"}),
    "statistics": frozenset({"definition"}),
    "cast": frozenset({"function", "context", "method"}),
    "event trigger": frozenset({"event", "tags", "function"}),
    "publication table": frozenset({"columns", "row_filter"}),
}
# What follows from another object's difference.
_FOLLOWS = frozenset({"local", "inherited", "position", "parent", "ready", "of_identity"})


@dataclass
class _Deriver:
    expected: SchemaSnapshot
    actual: SchemaSnapshot
    phases: dict[_Phase, list[str]] = field(default_factory=lambda: {phase: [] for phase in _Phase})
    unresolved: list[str] = field(default_factory=list)
    refusal: str | None = None
    done: bool = False

    def __post_init__(self) -> None:
        self.difference: SchemaDifference = compare(self.expected, self.actual, ignore={"position"})
        self.changed: dict[ObjectKey, set[str]] = {}

    def undo(self, renames: Iterable[Rename]) -> None:
        """Undo renames, the last first, in the catalog as well."""
        undone: list[Rename] = []
        for rename in reversed([*renames]):
            names = {name for kind, name in self.actual.objects if kind == rename.kind}
            if (
                rename.new in names
                and rename.old not in names
                and (rename.kind, rename.new) not in self.expected.objects
            ):
                self.phases[_Phase.RENAME].append(_undo_rename(rename))
                undone.append(rename)
                self.actual = _renamed(self.actual, rename)
        if undone:
            self.done = True
            self.actual = _said_as(self.expected, self.actual, undone)
            self.difference = compare(self.expected, self.actual, ignore={"position"})

    def repair(self) -> Repair:
        """Put the statements together."""
        for change in self.difference.changed:
            self.changed.setdefault(change.key, set()).add(change.attribute)
        remade = self._remade()
        dropped = {*self.difference.unexpected} | remade
        made = {*self.difference.missing} | remade
        self._drop({key for key in dropped if not self._within(key, dropped, self.actual)}, remade)
        self._make({key for key in made if not self._within(key, made, self.expected)})
        for key in sorted(made):
            self._finish(key)
        for key, attributes in self.changed.items():
            if key not in remade:
                self._alter(key, attributes - _FOLLOWS)
        steps = tuple(step for phase in _Phase for step in self.phases[phase])
        return Repair(steps, tuple(dict.fromkeys(self.unresolved)), self.refusal)

    # -- what has to be made again

    def _remade(self) -> set[ObjectKey]:
        found = {key for key, attributes in self.changed.items() if attributes & _REMADE.get(key[0], frozenset())}
        found = {key for key in found if not self._only_validated(key) and not self._of_constraint(key)}
        found |= {key for key in self.changed if key[0] == "column" and self._generated_again(key)}
        both = self.expected.objects.keys() & self.actual.objects.keys()
        while True:
            more = {key for key in both - found if self._depends(key, found)}
            if not more:
                return found
            found |= more

    def _only_validated(self, key: ObjectKey) -> bool:
        """Tell whether a constraint has only to be validated."""
        if key[0] != "constraint" or self.changed[key] - {"definition", "validated"}:
            return False
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        return expected.get("validated") is not False and (
            str(actual["definition"]).removesuffix(" NOT VALID") == expected["definition"]
        )

    def _of_constraint(self, key: ObjectKey) -> bool:
        return key[0] == "index" and self.expected.objects[key].get("constraint") is not None

    def _generated_again(self, key: ObjectKey) -> bool:
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        if not self.changed[key] & {"generated", "expression"}:
            return False
        return expected.get("generated") is not None or actual.get("generated") == "virtual"

    def _depends(self, key: ObjectKey, found: set[ObjectKey]) -> bool:
        """Tell whether an object that is right has to go for a while, for the sake of others."""
        kind, name = key
        text = _text(self.actual.objects[key])
        if kind == "index" and self.actual.objects[key].get("constraint") is not None:
            return False
        for other_kind, other in found:
            if other_kind == "view" and other != name:
                table = self.actual.objects[key].get("table") if kind == "index" else None
                if table == other or (kind in {"view", "trigger", "rule"} and _mentions(text, other)):
                    return True
            if (
                (kind, other_kind) == ("constraint", "constraint")
                and _keys(self.actual.objects[other_kind, other])
                and f"REFERENCES {split(other)[0]}(" in text
            ):
                return True
            if other_kind == "column" and kind in _USES_COLUMNS and _uses(key, self.actual, other):
                return True
        if kind in {"view", "policy", "rule", "trigger"} or (kind == "column" and self._computed(name)):
            return any(
                _uses(key, self.actual, column)
                for (other_kind, column), attributes in self.changed.items()
                if other_kind == "column" and column != name and attributes & {"type", "collation"}
            )
        return False

    def _computed(self, column: str) -> bool:
        return self.actual.objects["column", column].get("generated") is not None

    def _within(self, key: ObjectKey, keys: set[ObjectKey], snapshot: SchemaSnapshot) -> bool:
        """Tell whether an object comes and goes with another of these."""
        kind, name = key
        attributes = snapshot.objects[key]
        outer, dropping = split(name)[0], snapshot is self.actual
        within = False
        match kind:
            case "column":
                parents = snapshot.objects.get(("table", outer), {}).get("parents")
                theirs = attributes.get("local") is False and bool(parents)
                within = theirs or any((one, outer) in keys for one in ("table", "view", "type"))
            case "constraint" | "trigger":
                follows = attributes.get("inherited") is True and attributes.get("local") is not True
                within = follows or (dropping and any((one, outer) in keys for one in ("table", "type")))
            case "index":
                gone = dropping and any((one, attributes["table"]) in keys for one in ("table", "view"))
                within = gone or attributes.get("constraint") is not None or attributes.get("parent") is not None
            case "policy" | "rule":
                within = dropping and ("table", outer) in keys
            case "statistics":
                within = dropping and ("table", attributes["table"]) in keys
            case "sequence":
                column = str(attributes.get("owned_by") or "")
                gone = dropping and (("column", column) in keys or ("table", split(column)[0]) in keys)
                within = gone or attributes.get("of_identity") is True
            case "function":
                # The constructors of a range come and go with their type.
                definition = str(attributes["definition"])
                within = " LANGUAGE internal\n" in definition and "range_constructor" in definition
            case "table":
                within = dropping and any(("table", parent) in keys for parent in texts(attributes.get("parents")))
        return within

    # -- dropping

    def _drop(self, keys: set[ObjectKey], remade: set[ObjectKey]) -> None:
        for place, kind in enumerate(_DROPPED):
            names = [name for own, name in keys if own == kind]
            order = _ordered(names, kind, self.actual)[::-1]
            if kind == "table":
                self._untie(order)
            for name in order:
                attributes = self.actual.objects[kind, name]
                late = place >= _LATE_DROP and (kind, name) not in remade
                step = _drop(kind, name, attributes)
                if kind == "constraint" and ("type", split(name)[0]) in self.actual.objects:
                    step = execute(f"ALTER DOMAIN {split(name)[0]} DROP CONSTRAINT {split(name)[1]}")
                self.phases[_Phase.DROP_BASE if late else _Phase.DROP].append(step)
        for kind, name in sorted(keys):
            if kind not in _DROPPED:
                self.unresolved.append(f"drop the {kind} {name}")

    def _untie(self, tables: list[str]) -> None:
        """Drop foreign keys that still refer to a table when its turn comes: no order of a circle works."""
        place = {name: number for number, name in enumerate(tables)}
        for (kind, name), attributes in sorted(self.actual.objects.items()):
            found = _REFERENCES.search(str(attributes.get("definition"))) if kind == "constraint" else None
            if found and found["table"] in place and place[found["table"]] < place.get(split(name)[0], -1):
                self.phases[_Phase.DROP].append(_drop(kind, name, attributes))

    # -- making

    def _make(self, keys: set[ObjectKey]) -> None:
        for kind in _MADE:
            own_kind = "constraint" if kind == "foreign key" else kind
            names = [name for own, name in keys if own == own_kind]
            if own_kind == "constraint":
                # They need the unique index of the other table.
                names = [one for one in names if self._refers(one) is (kind == "foreign key")]
            for name in _ordered(names, own_kind, self.expected):
                self._make_one(own_kind, name, keys)
        for kind, name in sorted(keys):
            if kind not in _MADE:
                self.unresolved.append(f"create the {kind} {name}")

    def _make_one(self, kind: str, name: str, keys: set[ObjectKey]) -> None:
        made = definitions.create(kind, name, self.expected)
        if made is None:
            self.unresolved.append(f"create the {kind} {name}")
            return
        if kind == "column" and self._needs_value(name):
            self.refusal = f"{name} is NOT NULL and its values are gone: restore the backup"
        phase = _Phase.BASE if kind in _BASE else _Phase.PARTS if kind in _PARTS else _Phase.TABLE
        if kind == "column" and self.expected.objects[kind, name].get("generated") is not None:
            phase = _Phase.PARTS  # when the columns that it is computed from are right
        if kind == "function":
            tables = [other for own, other in keys if own in {"table", "view"}]
            if any(_mentions(made[0], other) for other in tables):
                phase = _Phase.PARTS
        self.phases[phase] += map(execute, made)

    def _refers(self, constraint: str) -> bool:
        return self.expected.objects["constraint", constraint].get("type") == "foreign key"

    def _needs_value(self, name: str) -> bool:
        column = self.expected.objects["column", name]
        given = column.get("default") is not None or column.get("identity") or column.get("generated")
        return bool(column.get("not_null")) and not given and ("table", split(name)[0]) in self.expected.objects

    def _finish(self, key: ObjectKey) -> None:
        """Give what was made its comment, its owner and its privileges."""
        kind, name = key
        attributes = self.expected.objects[key]
        settings = self.phases[_Phase.SETTINGS]
        if attributes.get("comment") is not None:
            settings.append(_comment(key, attributes))
        owner = attributes.get("owner")
        if owner is not None and owner != self._usual_owner():
            settings.append(execute(f"ALTER {definitions.words(kind, attributes)} {name} OWNER TO {owner}"))
        acl = texts(attributes.get("acl"))
        if acl:
            usual = [one for one in acl if owner is not None and one.startswith(f"{owner}=")]
            usual += {"function": ["=X/"], "aggregate": ["=X/"], "type": ["=U/"]}.get(kind, [])
            settings += map(execute, privileges(kind, name, attributes, tuple(acl), tuple(usual)))
        if kind == "sequence" and not attributes.get("of_identity") and attributes.get("owned_by"):
            settings.append(execute(f"ALTER SEQUENCE {name} OWNED BY {attributes['owned_by']}"))

    def _usual_owner(self) -> Value:
        owners = [attributes["owner"] for attributes in self.actual.objects.values() if attributes.get("owner")]
        return max(owners, key=owners.count, default=None)

    # -- altering

    def _alter(self, key: ObjectKey, attributes: set[str]) -> None:
        kind, name = key
        rest = {*attributes}
        alter = _ALTERATIONS.get(kind)
        if alter is not None:
            for statement, handled in alter(self, name, rest):
                rest -= handled
                self.phases[_Phase.ALTER] += [execute(statement)] if statement else []
        self._alter_settings(key, rest)
        for attribute in sorted(rest - {"comment", "owner", "acl"}):
            said = attribute.replace("_", " ")
            self.unresolved.append(
                f"the {said} of {kind} {name}, which was {_say(self.expected.objects[key], attribute)}"
            )

    def _alter_settings(self, key: ObjectKey, rest: set[str]) -> None:
        kind, name = key
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        settings = self.phases[_Phase.SETTINGS]
        if "comment" in rest:
            settings.append(_comment(key, expected))
        found = actual.get("acl")
        if "owner" in rest:
            settings.append(execute(f"ALTER {definitions.words(kind, expected)} {name} OWNER TO {expected['owner']}"))
            # The privileges of an owner go over to the next one.
            found = tuple(
                re.sub(rf"^{re.escape(str(actual['owner']))}=", f"{expected['owner']}=", one) for one in texts(found)
            )
        if "acl" in rest and kind != "default privileges":
            settings += map(execute, privileges(kind, name, expected, expected.get("acl"), found))
        elif "acl" in rest:
            self.unresolved.append(f"the {kind} {name}")


Altered = Iterator[tuple[str, set[str]]]


def _alter_table(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["table", name], deriver.actual.objects["table", name]
    alter = f"ALTER TABLE {name}"
    if "persistence" in changed:
        yield f"{alter} SET {'UNLOGGED' if expected['persistence'] == 'unlogged' else 'LOGGED'}", {"persistence"}
    for attribute, prefix in (("options", ""), ("toast_options", "toast.")):
        if attribute in changed:
            for clause in _settings(expected[attribute], actual[attribute], prefix):
                yield f"{alter} {clause}", {attribute}
    for attribute, switch in (("row_security", ("DISABLE", "ENABLE")), ("force_row_security", ("NO FORCE", "FORCE"))):
        if attribute in changed:
            yield f"{alter} {switch[bool(expected[attribute])]} ROW LEVEL SECURITY", {attribute}
    if "replica_identity" in changed and expected["replica_identity"] != "index":
        yield f"{alter} REPLICA IDENTITY {str(expected['replica_identity']).upper()}", {"replica_identity"}
    for attribute, usual in (("access_method", "heap"), ("tablespace", "pg_default")):
        if attribute in changed:
            yield f"{alter} SET {attribute.replace('_', ' ').upper()} {expected[attribute] or usual}", {attribute}
    yield from _alter_parents(name, expected, actual, changed)


def _alter_parents(name: str, expected: Attributes, actual: Attributes, changed: set[str]) -> Altered:
    handled = {"parents", "partition_bound"}
    if not changed & handled:
        return
    wanted, found = texts(expected.get("parents")), texts(actual.get("parents"))
    for parent in found:
        if actual.get("partition_bound") is not None:
            yield f"ALTER TABLE {parent} DETACH PARTITION {name}", handled
        elif parent not in wanted:
            yield f"ALTER TABLE {name} NO INHERIT {parent}", handled
    for parent in wanted:
        if expected.get("partition_bound") is not None:
            yield f"ALTER TABLE {parent} ATTACH PARTITION {name} {expected['partition_bound']}", handled
        elif parent not in found:
            yield f"ALTER TABLE {name} INHERIT {parent}", handled


def _alter_column(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["column", name], deriver.actual.objects["column", name]
    table, own = split(name)
    if ("table", table) not in deriver.expected.objects:
        if ("view", table) in deriver.expected.objects:
            yield "", {*changed} - {"comment", "acl"}  # the view's definition says it
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
        yield f"{alter} TYPE {expected['type']}{collation} USING {own}::{expected['type']}", {"type", "collation"}
    if "default" in changed or (retyped and expected.get("default") is not None):
        default = expected.get("default")
        if default is not None or not retyped:
            yield f"{alter} " + ("DROP DEFAULT" if default is None else f"SET DEFAULT {default}"), {"default"}
        yield "", {"default"}
    if "not_null" in changed:
        yield f"{alter} {'SET' if expected['not_null'] else 'DROP'} NOT NULL", {"not_null"}
    yield from _alter_identity(deriver, name, changed)
    yield from _alter_storage(deriver, name, changed, retyped=retyped)


def _alter_identity(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["column", name], deriver.actual.objects["column", name]
    table, own = split(name)
    if "identity" not in changed or expected["identity"] is None:
        return
    if actual.get("identity") is not None:
        said = str(expected["identity"]).upper()
        yield f"ALTER TABLE {table} ALTER COLUMN {own} SET GENERATED {said}", {"identity"}
        return
    yield f"ALTER TABLE {table} ALTER COLUMN {own} ADD {definitions.identity(name, deriver.expected)}", {"identity"}
    argument = f"{literal(table)}, {literal(bare(name))}"
    yield f"SELECT setval(pg_get_serial_sequence({argument}), max({own})) FROM {table}", set()  # noqa: S608 - quoted


def _alter_storage(deriver: _Deriver, name: str, changed: set[str], *, retyped: bool) -> Altered:
    expected, actual = deriver.expected.objects["column", name], deriver.actual.objects["column", name]
    table, own = split(name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {own}"
    usual = definitions.usual_storage(str(expected["type"]), deriver.expected)
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
        for clause in _settings(expected["options"], actual["options"], ""):
            yield f"{alter} {clause}", {"options"}


def _alter_constraint(_deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if "validated" in changed:
        table, own = split(name)
        yield f"ALTER TABLE {table} VALIDATE CONSTRAINT {own}", {"validated", "definition"}


def _alter_index(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["index", name], deriver.actual.objects["index", name]
    table, own = str(expected["table"]), split(name)[1]
    if "valid" in changed and expected["valid"]:
        yield f"REINDEX INDEX {name}", {"valid", "ready"}
    if "options" in changed:
        for clause in _settings(expected["options"], actual["options"], ""):
            yield f"ALTER INDEX {name} {clause}", {"options", "definition"}
    if "statistics" in changed:
        wanted = dict(one.split(": ") for one in texts(expected["statistics"]))
        found = dict(one.split(": ") for one in texts(actual["statistics"]))
        for number in sorted(wanted.keys() | found.keys()):
            yield f"ALTER INDEX {name} ALTER COLUMN {number} SET STATISTICS {wanted.get(number, -1)}", {"statistics"}
    if "clustered" in changed:
        yield (
            f"ALTER TABLE {table} " + (f"CLUSTER ON {own}" if expected["clustered"] else "SET WITHOUT CLUSTER"),
            {"clustered"},
        )
    if "replica_identity" in changed:
        # Where it no longer is, the table says what is.
        yield (
            f"ALTER TABLE {table} REPLICA IDENTITY USING INDEX {own}" if expected["replica_identity"] else "",
            {"replica_identity"},
        )
    if _owner_remade(deriver, expected):
        yield "", {*changed} - {"comment"}


def _owner_remade(deriver: _Deriver, index: Attributes) -> bool:
    """Tell whether an index comes with a constraint that is made again."""
    key = ("constraint", f"{index['table']}.{index['constraint']}")
    return index.get("constraint") is not None and bool(deriver.changed.get(key, set()) & _REMADE["constraint"])


def _alter_sequence(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["sequence", name], deriver.actual.objects["sequence", name]
    if "persistence" in changed:
        yield (
            f"ALTER SEQUENCE {name} SET {'UNLOGGED' if expected['persistence'] == 'unlogged' else 'LOGGED'}",
            {"persistence"},
        )
    described = {"type", "start", "increment", "minimum", "maximum", "cache", "cycle"}
    if changed & described:
        kind = f"AS {expected['type']} " if expected["type"] != actual["type"] else ""
        said = definitions.sequence_options(expected, every=True)
        yield f"ALTER SEQUENCE {name} {kind}{said}", described
    if "owned_by" in changed:
        yield f"ALTER SEQUENCE {name} OWNED BY {expected['owned_by'] or 'NONE'}", {"owned_by"}


def _alter_view(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["view", name], deriver.actual.objects["view", name]
    words = definitions.words("view", expected)
    if "options" in changed:
        for clause in _settings(expected["options"], actual["options"], ""):
            yield f"ALTER {words} {name} {clause}", {"options"}
    if "populated" in changed:
        yield f"REFRESH {words} {name}" + ("" if expected["populated"] else " WITH NO DATA"), {"populated"}


def _alter_function(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if changed & {"definition", "kind"}:
        expected = str(deriver.expected.objects["function", name]["definition"])
        actual = deriver.actual.objects["function", name]
        if _signature(expected) != _signature(str(actual["definition"])):
            yield f"DROP {definitions.words('function', actual)} {name}", set()
        yield expected.strip(), {"definition", "kind"}


def _signature(definition: str) -> str:
    """Give what CREATE OR REPLACE FUNCTION cannot change: the head, defaults of arguments included."""
    return definition.partition("\n LANGUAGE")[0]


def _alter_trigger(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if "enabled" in changed:
        yield definitions.enabled(name, "trigger", deriver.expected.objects["trigger", name]), {"enabled"}


def _alter_rule(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if "enabled" in changed:
        yield definitions.enabled(name, "rule", deriver.expected.objects["rule", name]), {"enabled"}


def _alter_statistics(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if "target" in changed:
        target = deriver.expected.objects["statistics", name].get("target")
        yield f"ALTER STATISTICS {name} SET STATISTICS {-1 if target is None else target}", {"target"}


def _alter_type(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected, actual = deriver.expected.objects["type", name], deriver.actual.objects["type", name]
    if "values" in changed:
        yield from _alter_values(deriver, name, texts(expected["values"]), texts(actual["values"]))
    if "default" in changed and expected["kind"] == "domain":
        default = expected["default"]
        said = "DROP DEFAULT" if default is None else f"SET DEFAULT {default}"
        yield f"ALTER DOMAIN {name} {said}", {"default"}
    if "not_null" in changed and expected["kind"] == "domain":
        yield f"ALTER DOMAIN {name} {'SET' if expected['not_null'] else 'DROP'} NOT NULL", {"not_null"}


def _alter_values(deriver: _Deriver, name: str, expected: list[str], actual: list[str]) -> Altered:
    """Undo changes of an enum; Postgres has no statement that removes a value."""
    if len(expected) == len(actual):
        pairs = [(old, new) for old, new in zip(expected, actual, strict=True) if old != new]
        if not {old for old, _ in pairs} & {*actual}:
            for old, new in pairs:
                yield f"ALTER TYPE {name} RENAME VALUE {literal(new)} TO {literal(old)}", {"values"}
            return
    added = [value for value in actual if value not in expected]
    if added or [value for value in expected if value in actual] != actual:
        said = ", ".join(map(literal, added)) or "the order of the values"
        deriver.unresolved.append(f"{said} cannot be removed from the enum {name}: make the type anew, or declare it")
        yield "", {"values"}
        return
    for place, value in enumerate(expected):
        if value not in actual:
            after = (
                f" AFTER {literal(expected[place - 1])}" if place else f" BEFORE {literal(actual[0])}" if actual else ""
            )
            yield f"ALTER TYPE {name} ADD VALUE {literal(value)}{after}", {"values"}


def _alter_extension(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    if "schema" in changed:
        schema = deriver.expected.objects["extension", name]["schema"]
        yield f"ALTER EXTENSION {name} SET SCHEMA {schema}", {"schema"}


def _alter_publication(deriver: _Deriver, name: str, changed: set[str]) -> Altered:
    expected = deriver.expected.objects["publication", name]
    actions = {"inserts", "updates", "deletes", "truncates"}
    if changed & actions:
        said = ", ".join(one.removesuffix("s") for one in sorted(actions) if expected[one])
        yield f"ALTER PUBLICATION {name} SET (publish = {literal(said)})", actions


_ALTERATIONS: Mapping[str, Callable[[_Deriver, str, set[str]], Altered]] = {
    "column": _alter_column,
    "constraint": _alter_constraint,
    "extension": _alter_extension,
    "function": _alter_function,
    "index": _alter_index,
    "publication": _alter_publication,
    "rule": _alter_rule,
    "sequence": _alter_sequence,
    "statistics": _alter_statistics,
    "table": _alter_table,
    "trigger": _alter_trigger,
    "type": _alter_type,
    "view": _alter_view,
}


def _settings(expected: Value, actual: Value, prefix: str) -> Iterator[str]:
    """Give SET and RESET for options."""
    wanted = [one for one in texts(expected) if one not in texts(actual)]
    kept = {one.partition("=")[0] for one in texts(expected)}
    gone = [name for one in texts(actual) if (name := one.partition("=")[0]) not in kept]
    if wanted:
        yield f"SET ({options(tuple(prefix + one for one in wanted))})"
    if gone:
        yield f"RESET ({', '.join(prefix + one for one in gone)})"


# -- texts of statements


def _own(name: str) -> str:
    return quoted(bare(name))


def _drop(kind: str, name: str, attributes: Attributes) -> str:
    table = split(name)[0]
    if kind == "table" and attributes.get("kind") != "foreign table":
        return f"op.drop_table({_own(name)}{schema_argument(name)})"
    if kind == "column":
        return f"op.drop_column({_own(table)}, {_own(name)}{schema_argument(table)})"
    if kind == "constraint":
        return f"op.drop_constraint(op.f({_own(name)}), {_own(table)}{schema_argument(table)})"
    if kind == "index":
        return f"op.drop_index(op.f({_own(name)}), table_name={_own(str(attributes['table']))}{schema_argument(name)})"
    sql = f"DROP {definitions.reference(kind, name, attributes)}"
    if kind in {"publication table", "publication schema"}:
        publication, _, other = name.partition(".")
        sql = f"ALTER PUBLICATION {publication} DROP {_PUBLISHED[kind]} {other}"
    elif kind == "user mapping":
        server, _, role = name.partition(" for ")
        sql = f"DROP USER MAPPING FOR {role} SERVER {server}"
    return execute(sql)


_PUBLISHED = {"publication table": "TABLE", "publication schema": "TABLES IN SCHEMA"}


def _comment(key: ObjectKey, attributes: Attributes) -> str:
    comment = attributes.get("comment")
    said = "NULL" if comment is None else literal(comment)
    return execute(f"COMMENT ON {definitions.reference(*key, attributes)} IS {said}")


def _undo_rename(rename: Rename) -> str:
    table = split(rename.new)[0]
    match rename.kind:
        case "column":
            names = f"{_own(rename.new)}, new_column_name={_own(rename.old)}"
            return f"op.alter_column({_own(table)}, {names}{schema_argument(table)})"
        case "table":
            return f"op.rename_table({_own(rename.new)}, {_own(rename.old)}{schema_argument(rename.new)})"
        case "constraint":
            return execute(f"ALTER TABLE {table} RENAME CONSTRAINT {split(rename.new)[1]} TO {split(rename.old)[1]}")
        case kind:
            return execute(f"ALTER {kind.upper()} {rename.new} RENAME TO {split(rename.old)[1]}")


# -- who depends on whom


_OF_TABLES = frozenset({"column", "constraint", "policy", "trigger", "rule"})
_USES_COLUMNS = frozenset({"view", "index", "constraint", "statistics", "policy", "trigger", "rule"})


def _text(attributes: Attributes) -> str:
    return " ".join(str(value) for value in attributes.values() if isinstance(value, str | tuple))


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def _keys(attributes: Attributes) -> bool:
    return attributes.get("type") in {"primary key", "unique"}


def _uses(key: ObjectKey, snapshot: SchemaSnapshot, column: str) -> bool:
    """Tell whether the definition of an object names a column."""
    kind, name = key
    table, own = split(column)
    text = _text(snapshot.objects[key])
    of_table = split(name)[0] == table if kind in _OF_TABLES else _mentions(text, table)
    return of_table and re.search(rf"(?<!\w){re.escape(own)}(?!\w)", text) is not None


def _ordered(names: Iterable[str], kind: str, snapshot: SchemaSnapshot) -> list[str]:
    """Put names in order: whatever the definition of one mentions comes before it; foreign keys come last.

    Those that mention each other in a circle have no order among themselves, but one beside the others.
    """
    chosen = sorted(names, key=lambda name: _rank(kind, snapshot.objects[kind, name], name))
    if kind not in {"type", "view", "table", "function"}:
        return chosen
    described = {name: _described(kind, name, snapshot) for name in chosen}
    graph = {
        name: [other for other in chosen if other != name and _mentions(described[name], other)] for name in chosen
    }
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = {*error.args[1]}
            graph = {name: [other for other in others if not {name, other} <= circle] for name, others in graph.items()}


def _rank(kind: str, attributes: Attributes, name: str) -> tuple[int, str]:
    if kind == "constraint":
        order = ("primary key", "unique", "check", "exclude", "foreign key")
        found = str(attributes.get("type"))
        return (order.index(found) if found in order else 0, name)
    return (int(attributes.get("generated") is not None), name)


def _described(kind: str, name: str, snapshot: SchemaSnapshot) -> str:
    """Give the text in which the names of other objects stand: of a table also its foreign keys."""
    text = _text(snapshot.objects[kind, name])
    if kind in {"table", "type"}:
        inner = (attributes for (_, other), attributes in snapshot.objects.items() if split(other)[0] == name)
        text = " ".join([text, *(_text(attributes).replace("(", " (") for attributes in inner)])
    return text


# -- renames in catalogs


def _renamed(snapshot: SchemaSnapshot, rename: Rename) -> SchemaSnapshot:
    """Give a catalog as it is when a rename has been undone."""

    def name_of(kind: str, name: str) -> str:
        if name == rename.new and kind == rename.kind:
            return rename.old
        if kind == "index" and rename.kind == "constraint" and name == _beside(rename.new):
            return _beside(rename.old)
        if kind == "constraint" and rename.kind == "index" and _beside(name) == rename.new:
            return f"{split(name)[0]}.{split(rename.old)[1]}"
        inner = rename.kind in {"table", "view", "type", "schema"} and name.startswith(f"{rename.new}.")
        return rename.old + name.removeprefix(rename.new) if inner else name

    return SchemaSnapshot(
        {(kind, name_of(kind, name)): attributes for (kind, name), attributes in snapshot.objects.items()}
    )


def _beside(constraint: str) -> str:
    """Name the index of a constraint."""
    table, own = split(constraint)
    return f"{split(table)[0]}.{own}"


def _said_as(expected: SchemaSnapshot, actual: SchemaSnapshot, renames: Iterable[Rename]) -> SchemaSnapshot:
    """Put the old names into definitions where that makes them what is expected: Postgres does so by itself."""
    pairs = [(split(rename.new)[1], split(rename.old)[1]) for rename in renames]

    def said(value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(map(said, value))
        if isinstance(value, str):
            for new, old in pairs:
                value = re.sub(rf'(?<![\w"]){re.escape(new)}(?![\w"])', lambda _, old=old: old, value)  # type: ignore[misc]
        return value

    return SchemaSnapshot(
        {
            key: {
                attribute: wanted if (wanted := expected.objects.get(key, {}).get(attribute)) == said(value) else value
                for attribute, value in attributes.items()
            }
            for key, attributes in actual.objects.items()
        }
    )


def _say(attributes: Attributes, attribute: str) -> str:
    value = attributes.get(attribute)
    return ", ".join(texts(value)) if isinstance(value, tuple) else "absent" if value is None else str(value)
