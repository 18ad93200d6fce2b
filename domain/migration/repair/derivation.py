"""The derivation of a repair: the statements that lead from the actual schema to the expected one.

Unexpected objects are dropped, dependents first. Missing objects are created from their definitions. Differing objects
are altered. Dependencies are read from the definitions, which contain qualified names. Renames are undone as renames,
because a column that is dropped and added again comes back empty.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.migration.names import split
from domain.migration.op_code import execute, quoted
from domain.migration.repair import definitions, server_objects
from domain.migration.repair.alterations import ALTERATIONS
from domain.migration.repair.definitions import Attributes, texts
from domain.migration.repair.dependencies import (
    USES_COLUMNS,
    generation,
    is_key,
    mentions,
    ordered,
    text_of,
    uses_column,
    within_other,
)
from domain.migration.repair.order import CREATED, DROPPED, Phase, phase_of_creation, phase_of_drop
from domain.migration.repair.privileges import privileges
from domain.migration.repair.renames import (
    NAME,
    Rename,
    as_in,
    moved_along,
    renamed_values,
    undo_rename,
    with_old_names,
    with_rename_undone,
    without_table,
)
from domain.migration.repair.state import REMADE, RepairState
from domain.migration.repair.statements import THIS_DATABASE, comment_statement, drop_statement, in_its_place
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, Value, compare


@dataclass(frozen=True)
class Repair:
    """The statements that restore a schema.

    Attributes:
        steps: Calls of Alembic's `op`, in order; a call can have several lines.
        unresolved: Differences that no statement resolves, one text each.
        refusal: Reason why the schema cannot be restored without a backup; None if it can.
    """

    steps: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    refusal: str | None = None

    def downgrade(self, *, whole: bool) -> str:
        """Return the corrected `downgrade` function.

        Args:
            whole: Whether the steps are the whole function; otherwise they follow its present statements.
        """
        if self.refusal is not None or not self.steps:
            reason = self.refusal or "; ".join(self.unresolved) or "this cannot be undone"
            return f"def downgrade() -> None:\n    raise NotImplementedError({quoted(reason)})\n"
        lines = [] if whole else ["...  # what is there now, then:"]
        lines += [line for step in self.steps for line in step.splitlines()]
        lines += [f"# left to do: {' '.join(difference.split())}" for difference in self.unresolved]
        return "def downgrade() -> None:\n" + "".join(f"    {line}\n" for line in lines)


def derive(expected: SchemaSnapshot, actual: SchemaSnapshot, renames: Iterable[Rename] = ()) -> Repair | None:
    """Return the repair that leads from the actual schema to the expected one; None if there is nothing to do.

    Args:
        expected: Schema before the upgrade.
        actual: Schema after the downgrade.
        renames: Renames of the upgrade, in order; those that are undone already are skipped.
    """
    deriver = _Deriver(expected, actual)
    deriver.undo(renames)
    return deriver.repair() if deriver.difference or deriver.done else None


# Attributes that differ only because another object differs.
_FOLLOWS = frozenset({"local", "inherited", "position", "parent", "ready", "of_identity"})
_REFERENCES = re.compile(rf"^FOREIGN KEY .*? REFERENCES (?P<table>{NAME}(?:\.{NAME})?)\(", re.DOTALL)


@dataclass
class _Deriver(RepairState):
    phases: dict[Phase, list[str]] = field(default_factory=lambda: {phase: [] for phase in Phase})
    refusal: str | None = None
    done: bool = False

    def __post_init__(self) -> None:
        self.difference: SchemaDifference = compare(self.expected, self.actual, ignore={"position"})

    def undo(self, renames: Iterable[Rename]) -> None:
        """Undo renames, the last one first, and those of enum values, in the statements and in the actual schema."""
        undone: list[Rename] = []
        for rename in reversed(as_in((self.expected, self.actual), renames)):
            names = {name for kind, name in self.actual.objects if kind == rename.kind}
            if rename.new not in names or (rename.kind, rename.new) in self.expected.objects:
                continue
            if rename.old in names and not self._makes_way(rename):
                continue
            self.phases[Phase.RENAME].append(undo_rename(rename))
            for renamed in (*moved_along(self.actual, rename), rename):
                undone.append(renamed)
                self.actual = with_rename_undone(self.actual, renamed)
        values = renamed_values(self.expected, self.actual)
        for name, old, new in values:
            self.phases[Phase.RENAME].append(
                execute(f"ALTER TYPE {name} RENAME VALUE {definitions.literal(new)} TO {definitions.literal(old)}")
            )
        if undone or values:
            self.done = True
            self.actual = with_old_names(self.expected, self.actual, undone, values)
            self.difference = compare(self.expected, self.actual, ignore={"position"})

    def _makes_way(self, rename: Rename) -> bool:
        """Drop the table that has the former name of a renamed one; return whether the name is free then."""
        if rename.kind != "table":
            return False
        rest = without_table(self.actual, rename.old)
        if any(mentions(text_of(entry), rename.old) for entry in rest.objects.values()):
            self.refusal = (
                f"{rename.new} has the rows of {rename.old}, and others use what is called so now: restore it"
            )
            return False
        step = drop_statement("table", rename.old, self.actual.objects["table", rename.old])
        self.phases[Phase.RENAME].append(step)
        self.actual = rest
        return True

    def repair(self) -> Repair:
        """Return the repair with the statements of all phases."""
        for change in self.difference.changed:
            self.changed.setdefault(change.key, set()).add(change.attribute)
        remade = self._remade()
        dropped = {*self.difference.unexpected} | remade
        created = {*self.difference.missing} | remade
        self._drop({key for key in dropped if not within_other(key, dropped, self.actual, dropping=True)}, remade)
        self._create({key for key in created if not within_other(key, created, self.expected, dropping=False)})
        with_constraint = self._indexes_of_constraints(created)
        for _, name in with_constraint:
            settings = definitions.index_of_constraint(name, self.expected.objects["index", name])
            self.phases[Phase.PARTS] += map(execute, settings)
        for key in sorted({*created, *with_constraint}):
            self._finish(key)
        for key in sorted(
            self.changed, key=lambda key: generation(key, self.expected)
        ):  # of tables that inherit, the parents first
            if key not in remade and key not in with_constraint:
                self._alter(key, self.changed[key] - _FOLLOWS - self._altered_with_parent(key))
        steps = tuple(step for phase in Phase for step in self.phases[phase])
        return Repair(steps, tuple(dict.fromkeys(self.unresolved)), self.refusal)

    # -- objects that are dropped and created again

    def _remade(self) -> set[ObjectKey]:
        remade = {key for key, attributes in self.changed.items() if attributes & REMADE.get(key[0], frozenset())}
        remade = {key for key in remade if not self._only_validated(key) and not self._of_constraint(key)}
        remade |= {key for key in self.changed if key[0] == "column" and self._generated_again(key)}
        common = self.expected.objects.keys() & self.actual.objects.keys()
        while True:
            dependents = {key for key in common - remade if self._depends(key, remade)}
            if not dependents:
                return remade
            remade |= dependents

    def _only_validated(self, key: ObjectKey) -> bool:
        """Return whether a constraint only needs to be validated."""
        if key[0] != "constraint" or self.changed[key] - {"definition", "validated"}:
            return False
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        return expected.get("validated") is not False and (
            str(actual["definition"]).removesuffix(" NOT VALID") == expected["definition"]
        )

    def _of_constraint(self, key: ObjectKey) -> bool:
        return key[0] == "index" and self.expected.objects[key].get("constraint") is not None

    def _indexes_of_constraints(self, created: set[ObjectKey]) -> list[ObjectKey]:
        """Return the indexes that come along with constraints, sorted."""
        return sorted(
            (kind, name)
            for (kind, name), entry in self.expected.objects.items()
            if kind == "index"
            and entry.get("constraint") is not None
            and ("constraint", f"{entry['table']}.{entry.get('constraint')}") in created
        )

    def _generated_again(self, key: ObjectKey) -> bool:
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        if not self.changed[key] & {"generated", "expression"}:
            return False
        return expected.get("generated") is not None or actual.get("generated") == "virtual"

    def _depends(self, key: ObjectKey, remade: set[ObjectKey]) -> bool:
        """Return whether an object without differences must be recreated, because an object that it uses is."""
        kind, name = key
        text = text_of(self.actual.objects[key])
        for other_kind, other_name in remade:
            if other_kind == "view" and other_name != name:
                table = self.actual.objects[key].get("table") if kind == "index" else None
                if table == other_name or (kind in {"view", "trigger", "rule"} and mentions(text, other_name)):
                    return True
            if (
                (kind, other_kind) == ("constraint", "constraint")
                and is_key(self.actual.objects[other_kind, other_name])
                and f"REFERENCES {split(other_name)[0]}(" in text
            ):
                return True
            if other_kind == "column" and kind in USES_COLUMNS and uses_column(key, self.actual, other_name):
                return True
        if kind in {"view", "policy", "rule", "trigger"} or (kind == "column" and self._computed(name)):
            return any(
                uses_column(key, self.actual, column)
                for (other_kind, column), attributes in self.changed.items()
                if other_kind == "column" and column != name and attributes & {"type", "collation"}
            )
        return False

    def _computed(self, column: str) -> bool:
        return self.actual.objects["column", column].get("generated") is not None

    # -- dropping

    def _drop(self, keys: set[ObjectKey], remade: set[ObjectKey]) -> None:
        for kind in DROPPED:
            names = [name for key_kind, name in keys if key_kind == kind]
            order = ordered(names, kind, self.actual)[::-1]
            if kind == "table":
                self._untie(order)
            for name in order:
                phase = phase_of_drop(kind, remade=(kind, name) in remade)
                self.phases[phase] += self._drop_object(kind, name)
        for kind, name in sorted(keys):
            if kind not in DROPPED:
                self.unresolved.append(f"drop the {kind} {name}")

    def _drop_object(self, kind: str, name: str) -> list[str]:
        attributes = self.actual.objects[kind, name]
        statements = server_objects.drop(kind, name, attributes)
        if statements is not None:
            return [execute(statement) for statement in statements]
        container, own = split(name)
        if kind == "constraint" and ("type", container) in self.actual.objects:
            return [execute(f"ALTER DOMAIN {container} DROP CONSTRAINT {own}")]
        if kind == "column" and ("type", container) in self.actual.objects:
            return [execute(f"ALTER TYPE {container} DROP ATTRIBUTE {own}")]
        return [drop_statement(kind, name, attributes)]

    def _untie(self, tables: list[str]) -> None:
        """Drop foreign keys to a table that is dropped before the referencing table, as in a circle of references."""
        place = {name: number for number, name in enumerate(tables)}
        for (kind, name), attributes in sorted(self.actual.objects.items()):
            match = _REFERENCES.search(str(attributes.get("definition"))) if kind == "constraint" else None
            if match and match["table"] in place and place[match["table"]] < place.get(split(name)[0], -1):
                self.phases[Phase.DROP].append(drop_statement(kind, name, attributes))

    # -- creating

    def _create(self, keys: set[ObjectKey]) -> None:
        for kind in CREATED:
            own_kind = "constraint" if kind == "foreign key" else kind
            names = [name for key_kind, name in keys if key_kind == own_kind]
            if own_kind == "constraint":
                # Foreign keys come later, because they need the unique index of the referenced table.
                names = [name for name in names if self._refers(name) is (kind == "foreign key")]
            for name in ordered(names, own_kind, self.expected):
                self._create_object(own_kind, name, keys)
        for kind, name in sorted(keys):
            if kind not in CREATED:
                self.unresolved.append(f"create the {kind} {name}")

    def _create_object(self, kind: str, name: str, keys: set[ObjectKey]) -> None:
        statements = server_objects.create(kind, name, self.expected.objects[kind, name])
        if statements is None:
            statements = definitions.create(kind, name, self.expected)
        if statements is None:
            self.unresolved.append(f"create the {kind} {name}")
            return
        if kind == "column" and self._needs_value(name):
            self.refusal = f"{name} is NOT NULL and its values are gone: restore the backup"
        phase = phase_of_creation(kind)
        if kind == "column" and self.expected.objects[kind, name].get("generated") is not None:
            phase = Phase.PARTS  # after the columns that it is computed from
        if kind == "function":
            tables = [table for key_kind, table in keys if key_kind in {"table", "view"}]
            if any(mentions(statements[0], table) for table in tables):
                phase = Phase.PARTS
        self.phases[phase] += map(execute, statements)

    def _refers(self, constraint: str) -> bool:
        return self.expected.objects["constraint", constraint].get("type") == "foreign key"

    def _needs_value(self, name: str) -> bool:
        column = self.expected.objects["column", name]
        is_filled = column.get("default") is not None or column.get("identity") or column.get("generated")
        return bool(column.get("not_null")) and not is_filled and ("table", split(name)[0]) in self.expected.objects

    def _finish(self, key: ObjectKey) -> None:
        """Add the comment, the owner and the privileges of a created object."""
        kind, name = key
        attributes = self.expected.objects[key]
        settings = self.phases[Phase.SETTINGS]
        if attributes.get("comment") is not None and kind != "extension":  # which comes with its comment
            settings.append(comment_statement(key, attributes))
        owner = attributes.get("owner")
        if owner is not None and owner != self._usual_owner():
            settings.append(execute(f"ALTER {definitions.words(kind, attributes)} {name} OWNER TO {owner}"))
        acl = texts(attributes.get("acl"))
        if acl and kind not in server_objects.ACLS:
            usual = [item for item in acl if owner is not None and item.startswith(f"{owner}=")]
            usual += {"function": ["=X/"], "aggregate": ["=X/"], "type": ["=U/"], "language": ["=U/"]}.get(kind, [])
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
        alter = ALTERATIONS.get(kind)
        if alter is not None:
            for statement, handled in alter(self, name, rest):
                rest -= handled
                self.phases[Phase.ALTER] += [execute(statement)] if statement else []
        self._alter_settings(key, rest)
        for attribute in sorted(rest - {"comment", "owner", "acl"}):
            words = attribute.replace("_", " ")
            self.unresolved.append(
                f"the {words} of {kind} {name}, which was {_in_words(self.expected.objects[key], attribute)}"
            )

    def _altered_with_parent(self, key: ObjectKey) -> set[str]:
        """Return the attributes of a column that Postgres alters along with that of the parent, and only so."""
        inherited = all(state.objects[key].get("local") is False for state in (self.expected, self.actual))
        if not (inherited and self.changed[key] & {"type", "collation"} and generation(key, self.expected)):
            return set()
        return {"type", "collation", "storage"}

    def _alter_settings(self, key: ObjectKey, rest: set[str]) -> None:
        kind, name = key
        expected, actual = self.expected.objects[key], self.actual.objects[key]
        settings = self.phases[Phase.SETTINGS]
        if "comment" in rest:
            settings.append(comment_statement(key, expected))
        acl, named = actual.get("acl"), THIS_DATABASE if kind == "database" else name
        if "owner" in rest:
            statement = f"ALTER {definitions.words(kind, expected)} {named} OWNER TO {expected['owner']}"
            settings.append(execute(in_its_place(kind, statement)))
            # ALTER … OWNER TO transfers the privileges of the old owner to the new one.
            acl = tuple(
                re.sub(rf"^{re.escape(str(actual['owner']))}=", f"{expected['owner']}=", item) for item in texts(acl)
            )
        if "acl" in rest:
            statements = privileges(kind, named, expected, expected.get("acl"), acl)
            settings += [execute(in_its_place(kind, statement)) for statement in statements]


def _in_words(attributes: Attributes, attribute: str) -> str:
    value = attributes.get(attribute)
    return ", ".join(texts(value)) if isinstance(value, tuple) else "absent" if value is None else str(value)
