"""The normalized catalog: a schema as plain values, and how two of them differ."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Self, TypeAlias

ObjectKey: TypeAlias = tuple[str, str]
"""Kind and qualified name of an object, for example `("column", "public.users.email")`."""

Value: TypeAlias = str | int | bool | tuple["Value", ...] | None
"""What an attribute can hold; None says that the object does not have it."""


@dataclass(frozen=True)
class SchemaSnapshot:
    """The schema of a database at one moment, independent of the statements that made it.

    Two snapshots are equal when their objects have the same names and attributes. Nothing in them is particular to one
    database cluster: no OIDs, no file names, no counters.

    Attributes:
        objects: The attributes of each object by its key. Names are qualified and quoted as SQL needs them. Lists are
            kept as tuples; the mapping cannot be changed.

    Raises:
        TypeError: An attribute is neither text, integer, boolean, None nor a sequence of those.
    """

    objects: Mapping[ObjectKey, Mapping[str, Value]]

    def __post_init__(self) -> None:
        """Copy the objects, so that nobody can change them afterwards."""
        frozen = {
            key: MappingProxyType(
                {
                    # Nearly all values are atoms; a call for each would take longer than reading them.
                    attribute: value if value.__class__ in _ATOMS else _freeze(value)
                    for attribute, value in attributes.items()
                }
            )
            for key, attributes in self.objects.items()
        }
        object.__setattr__(self, "objects", MappingProxyType(frozen))

    def names(self, kind: str) -> frozenset[str]:
        """Name all objects of a kind."""
        return self._names.get(kind, frozenset())

    @property
    def foreign_tables(self) -> frozenset[str]:
        """Name the foreign tables, which stand for rows of another server."""
        tables = ((name, self.objects["table", name]) for name in self.names("table"))
        return frozenset(name for name, attributes in tables if attributes.get("kind") == "foreign table")

    @cached_property
    def _names(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for kind, name in self.objects:
            found.setdefault(kind, set()).add(name)
        return {kind: frozenset(names) for kind, names in found.items()}

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.digest())

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hexadecimal: equal for equal snapshots."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self, *, indent: int | None = None) -> str:
        """Write the snapshot as JSON: kind, then name, then attributes, all sorted.

        Args:
            indent: Spaces per level for a human reader; None gives the canonical form.
        """
        kinds: dict[str, dict[str, dict[str, Value]]] = {}
        for (kind, name), attributes in self.objects.items():
            kinds.setdefault(kind, {})[name] = dict(attributes)
        separators = (",", ":") if indent is None else None
        return json.dumps(kinds, indent=indent, separators=separators, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not JSON, or not the JSON of a snapshot.
        """
        kinds = json.loads(text)
        try:
            return cls({(kind, name): found for kind, names in kinds.items() for name, found in names.items()})
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not the JSON of a schema snapshot: {error}") from error


def attributes(snapshot: SchemaSnapshot | None, kind: str, name: str) -> Mapping[str, Value]:
    """Look an object up; empty when it is not there."""
    return _NOTHING if snapshot is None else snapshot.objects.get((kind, name), _NOTHING)


_NOTHING: Mapping[str, Value] = MappingProxyType({})


def names_of(snapshot: SchemaSnapshot | None, kind: str) -> frozenset[str]:
    """Name all objects of a kind."""
    return frozenset() if snapshot is None else snapshot.names(kind)


@dataclass(frozen=True, order=True)
class AttributeChange:
    """An object that both snapshots have, with one attribute that differs.

    Attributes:
        key: The object.
        attribute: The name of the attribute, for example `not_null`.
        expected: Its value in the expected snapshot.
        actual: Its value in the actual snapshot.
    """

    key: ObjectKey
    attribute: str
    expected: Value
    actual: Value

    def __str__(self) -> str:
        """Return it as a sentence; of a text of several lines, only from the first line that differs."""
        subject, attribute = " ".join(self.key), self.attribute.replace("_", " ")
        if isinstance(self.expected, str) and isinstance(self.actual, str) and "\n" in self.expected + self.actual:
            number, expected, actual = _first_different_line(self.expected, self.actual)
            return f"{subject}: {attribute} differs from line {number}: {_say(actual)}, expected {_say(expected)}"
        return f"{subject}: {attribute} is {_say(self.actual)}, expected {_say(self.expected)}"


@dataclass(frozen=True)
class SchemaDifference:
    """What separates an actual schema from the expected one; false when nothing does.

    Attributes:
        missing: Objects that only the expected schema has, sorted.
        unexpected: Objects that only the actual schema has, sorted.
        changed: Attributes that differ on objects of both, sorted by object and attribute.
    """

    missing: tuple[ObjectKey, ...] = ()
    unexpected: tuple[ObjectKey, ...] = ()
    changed: tuple[AttributeChange, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any difference."""
        return bool(self.missing or self.unexpected or self.changed)

    def without(self, other: "SchemaDifference") -> "SchemaDifference":
        """Return what is left when a part of it is taken away."""
        return SchemaDifference(
            tuple(key for key in self.missing if key not in other.missing),
            tuple(key for key in self.unexpected if key not in other.unexpected),
            tuple(change for change in self.changed if change not in other.changed),
        )

    def __str__(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self.sentences()) or "no difference"

    def sentences(self) -> Iterator[str]:
        """Return what differs, one sentence a difference, the worst first.

        A missing table is said once and not again for each of its columns; the attributes hold them all.
        """
        for _, sentence in self.by_name():
            yield sentence

    def by_name(self) -> Iterator[tuple[str, str]]:
        """Return the sentences, each with the name of the object it is about, such as `public.users.email`."""
        ranked = [(_rank(key[0], 0), key[1], said) for key, said in _presence(self.missing, "missing")]
        ranked += [(_rank(one.key[0], 1, one.attribute), one.key[1], str(one)) for one in self.changed]
        ranked += [(_rank(key[0], 2), key[1], said) for key, said in _presence(self.unexpected, "unexpected")]
        yield from ((name, said) for _, name, said in sorted(ranked, key=lambda one: one[0]))


def compare(expected: SchemaSnapshot, actual: SchemaSnapshot, *, ignore: Collection[str] = ()) -> SchemaDifference:
    """Find what separates `actual` from `expected`.

    Args:
        expected: The schema as it should be.
        actual: The schema as it is.
        ignore: Names of attributes that do not count, for example `position`, the order of a table's columns.
    """
    if expected == actual:
        return SchemaDifference()
    return SchemaDifference(
        missing=tuple(sorted(expected.objects.keys() - actual.objects.keys())),
        unexpected=tuple(sorted(actual.objects.keys() - expected.objects.keys())),
        changed=tuple(
            change
            for key in sorted(expected.objects.keys() & actual.objects.keys())
            for change in _changes(key, expected.objects[key], actual.objects[key])
            if change.attribute not in ignore
        ),
    )


def _changes(key: ObjectKey, expected: Mapping[str, Value], actual: Mapping[str, Value]) -> Iterator[AttributeChange]:
    """Compare one object; an attribute that is absent counts as None."""
    for attribute in sorted(expected.keys() | actual.keys()):
        before, after = expected.get(attribute), actual.get(attribute)
        if before != after:
            yield AttributeChange(key, attribute, before, after)


# What holds rows is worse to miss than what makes them quick, and that is worse than a word on them.
_WORST = ("schema", "table", "column", "view", "type", "sequence", "constraint", "function", "trigger", "index")
_WORDS = frozenset({"comment", "position"})


def _rank(kind: str, verdict: int, attribute: str = "") -> tuple[bool, int, int]:
    """Return where a difference stands among others; the worst is the smallest.

    Args:
        kind: Of the object.
        verdict: 0 missing, 1 changed, 2 unexpected.
        attribute: What has changed.
    """
    return attribute in _WORDS, _WORST.index(kind) if kind in _WORST else len(_WORST), verdict


def _presence(keys: tuple[ObjectKey, ...], verdict: str) -> Iterator[tuple[ObjectKey, str]]:
    """Name the outermost objects and count what lies within them, for names tell: `public.users.email`."""
    containers = tuple(f"{name}." for kind, name in keys if kind in _CONTAINERS)
    for kind, name in keys:
        if name.startswith(containers):
            continue
        inner = sum(other.startswith(f"{name}.") for _, other in keys) if kind in _CONTAINERS else 0
        yield (kind, name), f"{kind} {name} is {verdict}" + (f", with {_count(inner)} in it" if inner else "")


_CONTAINERS = frozenset({"schema", "table", "view", "type", "publication"})


def _count(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects} objects"


def _first_different_line(expected: str, actual: str) -> tuple[int, str | None, str | None]:
    """Return the number (from 1) and both forms of the first line that differs; None where a text has ended."""
    lines = enumerate(zip_longest(expected.splitlines(), actual.splitlines()), start=1)
    # Texts that differ only in how a line ends have no such line.
    return next(((number, *pair) for number, pair in lines if pair[0] != pair[1]), (1, expected, actual))


def _say(value: Value) -> str:
    """Write a value as it stands in a sentence."""
    match value:
        case None:
            return "absent"
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(map(_say, value)) or "empty"
        case "":
            return "empty"
        case _:
            return str(value)


_ATOMS = frozenset({str, int, bool, type(None)})


def _freeze(value: Any) -> Value:
    """Turn lists into tuples, all the way down."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_freeze, value))
    raise TypeError(f"an attribute cannot be of type {type(value).__name__}: {value!r}")
