"""Snapshots are values, and their difference reads like sentences."""

import json
from collections.abc import Mapping

import pytest

from domain.migration.snapshot import AttributeChange, ObjectKey, SchemaDifference, SchemaSnapshot, Value, compare

TABLE = ("table", "public.users")
EMAIL = ("column", "public.users.email")
INDEX = ("index", "public.idx_chunks_embedding")


def schema(**changes: Value) -> SchemaSnapshot:
    """Return a small schema, with other attributes of its column where the test says so."""
    column: dict[str, Value] = {"type": "character varying(100)", "not_null": True, "position": 2, "default": None}
    return SchemaSnapshot(
        {
            TABLE: {"options": ("fillfactor=80",), "comment": "people"},
            EMAIL: column | changes,
            INDEX: {"opclass": ("vector_cosine_ops",)},
        }
    )


def without(snapshot: SchemaSnapshot, *keys: ObjectKey) -> SchemaSnapshot:
    """Leave objects out."""
    return SchemaSnapshot({key: found for key, found in snapshot.objects.items() if key not in keys})


def test_snapshots_of_the_same_objects_are_equal_in_any_order() -> None:
    """Equality, hash and digest do not depend on the order in which objects were read."""
    one = schema()
    other = SchemaSnapshot({key: one.objects[key] for key in reversed(list(one.objects))})
    assert one == other
    assert hash(one) == hash(other)
    assert one.digest() == other.digest()
    assert not compare(one, other)


def test_the_digest_tells_schemas_apart() -> None:
    """A changed attribute changes the digest, which is 64 hexadecimal digits."""
    assert schema().digest() != schema(not_null=False).digest()
    assert len(bytes.fromhex(schema().digest())) == 32


def test_the_digest_does_not_change_between_releases() -> None:
    """Stored digests stay valid: the canonical form is fixed."""
    snapshot = SchemaSnapshot({TABLE: {"comment": "é", "options": ["a", 1]}})  # type: ignore[dict-item]
    assert snapshot.to_json() == r'{"table":{"public.users":{"comment":"\u00e9","options":["a",1]}}}'
    assert snapshot.digest() == "9b3392ccac0672257a0d79ab143187fa4a5d83762e7034aad6a96b3d3c2b6ac4"


def test_a_snapshot_cannot_be_changed() -> None:
    """Neither the objects nor the attributes of one object can be assigned, nor changed from outside."""
    source: dict[ObjectKey, Mapping[str, Value]] = {TABLE: {"comment": "people"}}
    snapshot = SchemaSnapshot(source)
    source.clear()
    assert snapshot.objects[TABLE]["comment"] == "people"
    with pytest.raises(TypeError):
        snapshot.objects[TABLE] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.objects[TABLE]["comment"] = ""  # type: ignore[index]


def test_a_value_that_json_cannot_keep_is_refused() -> None:
    """Floats, dates and the like would not compare reliably."""
    with pytest.raises(TypeError, match="float"):
        SchemaSnapshot({TABLE: {"rows": 1.5}})  # type: ignore[dict-item]


@pytest.mark.parametrize("indent", [None, 2])
def test_json_gives_the_snapshot_back(indent: int | None) -> None:
    """Reading what was written gives an equal snapshot, whatever the layout."""
    snapshot = schema(default="'a\"b\\c\n'", statistics=(None, 100))
    assert SchemaSnapshot.from_json(snapshot.to_json(indent=indent)) == snapshot


@pytest.mark.parametrize("text", ["", "[]", '{"table": []}', '{"table": {"a": 1}}', '{"table": {"a": {"b": {}}}}'])
def test_json_of_something_else_is_refused(text: str) -> None:
    """What is not the JSON of a snapshot is a ValueError, never a broken snapshot."""
    with pytest.raises(ValueError):  # noqa: PT011 - json words its own messages
        SchemaSnapshot.from_json(text)


def test_json_groups_by_kind_and_name() -> None:
    """A stored snapshot can be read by a person and by other programs."""
    assert json.loads(schema().to_json())["table"]["public.users"]["options"] == ["fillfactor=80"]


def test_no_difference_is_false_and_says_so() -> None:
    """An empty difference counts as false."""
    difference = compare(schema(), schema())
    assert not difference
    assert difference == SchemaDifference()
    assert str(difference) == "no difference"


def test_objects_of_one_side_are_missing_or_unexpected() -> None:
    """What only the expected schema has is missing, what only the actual one has is unexpected."""
    expected, actual = without(schema(), INDEX), without(schema(), EMAIL)
    difference = compare(expected, actual)
    assert difference == SchemaDifference(missing=(EMAIL,), unexpected=(INDEX,))
    assert str(difference) == ("column public.users.email is missing\nindex public.idx_chunks_embedding is unexpected")


def test_a_missing_table_is_said_once() -> None:
    """What lies within a missing table is counted in its sentence, while the attribute names each object."""
    difference = compare(schema(), without(schema(), TABLE, EMAIL))
    assert difference.missing == (EMAIL, TABLE)
    assert str(difference) == "table public.users is missing, with 1 object in it"


def test_a_name_that_begins_alike_is_not_within() -> None:
    """`public.users_old` does not lie within `public.users`."""
    keys = (("table", "public.users"), ("table", "public.users_old"))
    difference = SchemaDifference(unexpected=keys)
    assert str(difference) == "table public.users is unexpected\ntable public.users_old is unexpected"


def test_a_changed_attribute_is_said_with_both_values() -> None:
    """The sentence says what is and what was expected."""
    actual = SchemaSnapshot({**schema().objects, INDEX: {"opclass": ("vector_l2_ops",)}})
    difference = compare(schema(), actual)
    assert difference.changed == (AttributeChange(INDEX, "opclass", ("vector_cosine_ops",), ("vector_l2_ops",)),)
    assert str(difference) == (
        "index public.idx_chunks_embedding: opclass is vector_l2_ops, expected vector_cosine_ops"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "absent"),
        (False, "false"),
        (0, "0"),
        ("", "empty"),
        ((), "empty"),
        (("a", None), "a, absent"),
        ("now()", "now()"),
    ],
)
def test_values_are_said_in_words(value: Value, words: str) -> None:
    """A value that would be invisible in a sentence gets a word."""
    assert str(AttributeChange(EMAIL, "some_thing", value, True)) == (
        f"column public.users.email: some thing is true, expected {words}"
    )


def test_of_a_long_text_the_first_different_line_is_said() -> None:
    """The definition of a function is not repeated whole."""
    change = AttributeChange(("function", "public.f()"), "definition", "begin\n  x;\nend", "begin\n  y;\nend")
    assert str(change) == "function public.f(): definition differs from line 2:   y;, expected   x;"


def test_of_a_text_that_ended_the_other_line_is_said() -> None:
    """One text can be the beginning of the other."""
    change = AttributeChange(("function", "public.f()"), "definition", "begin\nend", "begin")
    assert str(change) == "function public.f(): definition differs from line 2: absent, expected end"


def test_ignored_attributes_do_not_count() -> None:
    """The order of columns can be left out of a comparison."""
    assert compare(schema(), schema(position=3))
    assert not compare(schema(), schema(position=3), ignore={"position"})
    assert compare(schema(), schema(position=3, not_null=False), ignore={"position"})


def test_an_absent_attribute_is_none() -> None:
    """A snapshot that lacks an attribute agrees with one where it is None."""
    objects = {EMAIL: {"type": "text"}}
    assert not compare(SchemaSnapshot(objects), SchemaSnapshot({EMAIL: {"type": "text", "default": None}}))


def test_sentences_come_in_a_stable_order() -> None:
    """Of one kind of object: missing, changed, unexpected; each sorted by name and attribute."""
    names = ["b", "a", "c"]
    one = SchemaSnapshot({("index", name): {"z": 1, "y": 1} for name in ["x", *names]})
    other = SchemaSnapshot({("index", name): {"z": 2, "y": 2} for name in ["x", "d", "e"]})
    assert str(compare(one, other)).splitlines() == [
        "index a is missing",
        "index b is missing",
        "index c is missing",
        "index x: y is 2, expected 1",
        "index x: z is 2, expected 1",
        "index d is unexpected",
        "index e is unexpected",
    ]


def test_the_worst_difference_comes_first() -> None:
    """What holds rows comes before what makes them quick, and a comment comes last, whatever the names are."""
    objects: dict[ObjectKey, dict[str, Value]] = {
        ("table", "public.z"): {"comment": "old"},
        ("index", "public.a"): {"method": "btree"},
        ("column", "public.z.b"): {"type": "text"},
        ("table", "public.y"): {},
    }
    changed = {("table", "public.z"): {"comment": "new"}, ("column", "public.z.c"): {"type": "text"}}
    assert str(compare(SchemaSnapshot(objects), SchemaSnapshot(changed))).splitlines() == [
        "table public.y is missing",
        "column public.z.b is missing",
        "column public.z.c is unexpected",
        "index public.a is missing",
        "table public.z: comment is new, expected old",
    ]
