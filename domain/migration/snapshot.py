"""Snapshots: the schema of a database as plain values, and the difference between two of them."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Self, TypeAlias

ObjectKey: TypeAlias = tuple[str, str]
"""Kind and qualified name of an object, such as `("column", "public.users.email")`."""

Value: TypeAlias = str | int | bool | tuple["Value", ...] | None
"""Value of an attribute; None means that the object does not have the attribute."""


@dataclass(frozen=True)
class SchemaSnapshot:
    """The schema of a database at one moment, independent of the statements that created it.

    Two snapshots are equal if their objects have the same names and attributes. A snapshot has no values that differ
    between clusters, such as OIDs, file names or counters.

    Attributes:
        objects: Attributes of each object, by its key. Names are qualified and quoted as SQL needs them. Lists are
            stored as tuples, and the mapping cannot be changed. What `frozen_attributes` has returned is not copied.

    Raises:
        TypeError: An attribute is no text, integer, boolean, None or sequence of these.
    """

    objects: Mapping[ObjectKey, Mapping[str, Value]]

    def __post_init__(self) -> None:
        """Copy the objects, so that nobody can change them afterwards."""
        frozen = {
            key: attributes if attributes.__class__ is MappingProxyType else frozen_attributes(attributes)
            for key, attributes in self.objects.items()
        }
        object.__setattr__(self, "objects", MappingProxyType(frozen))

    def names(self, kind: str) -> frozenset[str]:
        """Return the names of all objects of a kind."""
        return self._names.get(kind, frozenset())

    @property
    def foreign_tables(self) -> frozenset[str]:
        """Names of the foreign tables, whose rows are on another server."""
        tables = ((name, self.objects["table", name]) for name in self.names("table"))
        return frozenset(name for name, attributes in tables if attributes.get("kind") == "foreign table")

    @cached_property
    def _names(self) -> dict[str, frozenset[str]]:
        names_by_kind: dict[str, set[str]] = {}
        for kind, name in self.objects:
            names_by_kind.setdefault(kind, set()).add(name)
        return {kind: frozenset(names) for kind, names in names_by_kind.items()}

    def __hash__(self) -> int:
        """Return a hash that is equal for equal snapshots."""
        return hash(self.digest())

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hexadecimal; equal for equal snapshots."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the snapshot as JSON: kinds, names and attributes, all sorted.

        Args:
            indent: Number of spaces for each level; None for the canonical form in one line.
        """
        kinds: dict[str, dict[str, dict[str, Value]]] = {}
        for (kind, name), attributes in self.objects.items():
            kinds.setdefault(kind, {})[name] = dict(attributes)
        separators = (",", ":") if indent is None else None
        return json.dumps(kinds, indent=indent, separators=separators, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the snapshot that `to_json` wrote.

        Raises:
            ValueError: The text is not JSON, or not the JSON of a snapshot.
        """
        kinds = json.loads(text)
        try:
            return cls(
                {(kind, name): attributes for kind, names in kinds.items() for name, attributes in names.items()}
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not the JSON of a schema snapshot: {error}") from error


def attributes(snapshot: SchemaSnapshot | None, kind: str, name: str) -> Mapping[str, Value]:
    """Return the attributes of an object; empty if the snapshot does not have it, or there is no snapshot."""
    return _NOTHING if snapshot is None else snapshot.objects.get((kind, name), _NOTHING)


_NOTHING: Mapping[str, Value] = MappingProxyType({})


def names_of(snapshot: SchemaSnapshot | None, kind: str) -> frozenset[str]:
    """Return the names of all objects of a kind; empty if there is no snapshot."""
    return frozenset() if snapshot is None else snapshot.names(kind)


@dataclass(frozen=True, order=True)
class AttributeChange:
    """An attribute that differs on an object of both snapshots.

    Attributes:
        key: Key of the object.
        attribute: Name of the attribute, such as `not_null`.
        expected: Value in the expected snapshot.
        actual: Value in the actual snapshot.
    """

    key: ObjectKey
    attribute: str
    expected: Value
    actual: Value

    def __str__(self) -> str:
        """Return the change as a sentence; of a text with several lines, only the first line that differs."""
        subject, attribute = " ".join(self.key), self.attribute.replace("_", " ")
        if self.attribute == "local":
            states = "only inherited", "also the table's own, so it stays when the parent loses it"
            return f"{subject}: is {states[self.actual is not False]}, expected {states[self.expected is not False]}"
        if isinstance(self.expected, str) and isinstance(self.actual, str) and "\n" in self.expected + self.actual:
            number, expected, actual = _first_different_line(self.expected, self.actual)
            versions = f"{_in_words(actual)}, expected {_in_words(expected)}"
            return f"{subject}: {attribute} differs from line {number}: {versions}"
        return f"{subject}: {attribute} is {_in_words(self.actual)}, expected {_in_words(self.expected)}"


@dataclass(frozen=True)
class SchemaDifference:
    """The difference between an expected and an actual schema; false if there is none.

    Attributes:
        missing: Objects that only the expected schema has, sorted.
        unexpected: Objects that only the actual schema has, sorted.
        changed: Attributes that differ on objects of both schemas, sorted by object and attribute.
    """

    missing: tuple[ObjectKey, ...] = ()
    unexpected: tuple[ObjectKey, ...] = ()
    changed: tuple[AttributeChange, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any difference."""
        return bool(self.missing or self.unexpected or self.changed)

    def without(self, other: "SchemaDifference") -> "SchemaDifference":
        """Return the difference without a part of it."""
        return SchemaDifference(
            tuple(key for key in self.missing if key not in other.missing),
            tuple(key for key in self.unexpected if key not in other.unexpected),
            tuple(change for change in self.changed if change not in other.changed),
        )

    def __str__(self) -> str:
        """Return one sentence for each difference, each on its own line."""
        return "\n".join(self.sentences()) or "no difference"

    def sentences(self) -> Iterator[str]:
        """Return one sentence for each difference, the worst first.

        A missing table has one sentence, and its columns have none of their own. The attributes have them all.
        """
        for _, sentence in self.by_name():
            yield sentence

    def by_name(self) -> Iterator[tuple[str, str]]:
        """Return the sentences, each with the name of its object, such as `public.users.email`."""
        ranked = [(_rank(key[0], 0), key[1], sentence) for key, sentence in _presence(self.missing, "missing")]
        ranked += [(_rank(change.key[0], 1, change.attribute), change.key[1], str(change)) for change in self.changed]
        ranked += [(_rank(key[0], 2), key[1], sentence) for key, sentence in _presence(self.unexpected, "unexpected")]
        yield from ((name, sentence) for _, name, sentence in sorted(ranked, key=lambda item: item[0]))


def compare(expected: SchemaSnapshot, actual: SchemaSnapshot, *, ignore: Collection[str] = ()) -> SchemaDifference:
    """Return the difference between two schemas.

    Args:
        expected: Schema as it should be.
        actual: Schema as it is.
        ignore: Names of attributes that are not compared, such as `position`, the order of a table's columns.
    """
    if expected == actual:
        return SchemaDifference()
    return SchemaDifference(
        missing=tuple(sorted(expected.objects.keys() - actual.objects.keys())),
        unexpected=tuple(sorted(actual.objects.keys() - expected.objects.keys())),
        changed=tuple(
            change
            for key in sorted(_differing(expected.objects, actual.objects))
            for change in _changes(key, expected.objects[key], actual.objects[key])
            if change.attribute not in ignore
        ),
    )


def _differing(
    expected: Mapping[ObjectKey, Mapping[str, Value]], actual: Mapping[ObjectKey, Mapping[str, Value]]
) -> Iterator[ObjectKey]:
    """Return the keys of the objects that both have, and that are not equal, in any order."""
    for key, before in expected.items():
        after = actual.get(key)
        if after is not None and after is not before and after != before:
            yield key


def _changes(key: ObjectKey, expected: Mapping[str, Value], actual: Mapping[str, Value]) -> Iterator[AttributeChange]:
    """Return the attributes of one object that differ; an attribute that is absent counts as None."""
    for attribute in sorted(expected.keys() | actual.keys()):
        before, after = expected.get(attribute), actual.get(attribute)
        if before != after:
            yield AttributeChange(key, attribute, before, after)


# Kinds in the order of their sentences: first what contains rows, then what makes queries fast.
_WORST = ("schema", "table", "column", "view", "type", "sequence", "constraint", "function", "trigger", "index")
_WORDS = frozenset({"comment", "position"})


def _rank(kind: str, verdict: int, attribute: str = "") -> tuple[bool, int, int]:
    """Return the sort key of a difference, with the worst first.

    Args:
        kind: Kind of the object.
        verdict: 0 for missing, 1 for changed, 2 for unexpected.
        attribute: Name of the changed attribute.
    """
    return attribute in _WORDS, _WORST.index(kind) if kind in _WORST else len(_WORST), verdict


def _presence(keys: tuple[ObjectKey, ...], verdict: str) -> Iterator[tuple[ObjectKey, str]]:
    """Return a sentence for each outermost object, with the number of objects within it, such as its columns."""
    containers = tuple(f"{name}." for kind, name in keys if kind in _CONTAINERS)
    for kind, name in keys:
        if name.startswith(containers):
            continue
        inner = sum(inner_name.startswith(f"{name}.") for _, inner_name in keys) if kind in _CONTAINERS else 0
        yield (kind, name), f"{kind} {name} is {verdict}" + (f", with {_count(inner)} in it" if inner else "")


_CONTAINERS = frozenset({"schema", "table", "view", "type", "publication"})


def _count(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects} objects"


def _first_different_line(expected: str, actual: str) -> tuple[int, str | None, str | None]:
    """Return the number (from 1) and both versions of the first line that differs; None for a text that has ended.

    A line that differs in more than its indentation says more than one before it that is only shifted.
    """
    pairs = enumerate(zip_longest(expected.splitlines(), actual.splitlines()), start=1)
    lines = [(number, *pair) for number, pair in pairs if pair[0] != pair[1]]
    others = [line for line in lines if (line[1] or "").strip() != (line[2] or "").strip()]
    # Texts that differ only in their line endings have no such line.
    return next(iter((*others, *lines)), (1, expected, actual))


def _in_words(value: Value) -> str:
    """Return a value in words."""
    match value:
        case None:
            return "absent"
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(map(_in_words, value)) or "empty"
        case "":
            return "empty"
        case _:
            return str(value)


_ATOMS = frozenset({str, int, bool, type(None)})


def frozen_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Value]:
    """Return a copy of the attributes of an object that cannot be changed.

    Raises:
        TypeError: An attribute is no text, integer, boolean, None or sequence of these.
    """
    return MappingProxyType(
        {
            # Nearly all values are atoms, and a call for each of them would be slow.
            attribute: value if value.__class__ in _ATOMS else _freeze(value)
            for attribute, value in attributes.items()
        }
    )


def _freeze(value: Any) -> Value:
    """Return a value with all lists in it as tuples."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_freeze, value))
    raise TypeError(f"an attribute cannot be of type {type(value).__name__}: {value!r}")
