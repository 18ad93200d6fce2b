"""What a database has otherwise than its revisions make it."""

from domain.migration.drift import drift_from_revisions
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import Objects

_USERS: Objects = {("table", "public.users"): {"kind": "table"}}


def test_the_same() -> None:
    """Nothing differs between two catalogs that are the same."""
    assert not list(drift_from_revisions(SchemaSnapshot(_USERS), SchemaSnapshot(_USERS)).sentences())


def test_what_differs() -> None:
    """What is missing, unexpected and changed is said."""
    expected = SchemaSnapshot(_USERS | {("index", "public.by_name"): {"unique": True, "table": "public.users"}})
    actual = SchemaSnapshot(
        {("index", "public.by_name"): {"unique": False, "table": "public.users"}, ("table", "public.by_hand"): {}}
    )

    assert list(drift_from_revisions(expected, actual).sentences()) == [
        "table public.users is missing",
        "table public.by_hand is unexpected",
        "index public.by_name: unique is false, expected true",
    ]


def test_what_is_left_alone() -> None:
    """Other schemas, extensions, settings of roles, owners and privileges are not the revisions'."""
    of_sandbox = {
        ("extension", "vector"): {"version": "0.8"},
        ("role setting", "work_mem of sandbox"): {"value": "8MB"},
    }
    expected = SchemaSnapshot({**_USERS, **of_sandbox})
    others = {("table", "elsewhere.theirs"): {"kind": "table"}, ("extension", "hstore"): {"version": "1.8"}}
    actual = SchemaSnapshot({("table", "public.users"): {"kind": "table", "owner": "ana", "acl": "x"}, **others})

    assert not list(drift_from_revisions(expected, actual).sentences())


def test_parts_of_a_missing_table_are_not_named_again() -> None:
    """An index or a sequence of another table is, and so is a sequence that nothing owns."""
    parts: Objects = {
        ("index", "public.users_pkey"): {"table": "public.users"},
        ("index", "public.orders_pkey"): {"table": "public.orders"},
        ("sequence", "public.users_id_seq"): {"owned_by": "public.users.id"},
        ("sequence", "public.orders_id_seq"): {"owned_by": "public.orders.id"},
        ("sequence", "public.numbers"): {"owned_by": None},
    }
    orders: Objects = {("table", "public.orders"): {"kind": "table"}}
    missing = drift_from_revisions(SchemaSnapshot(_USERS | orders | parts), SchemaSnapshot(orders)).sentences()

    assert sorted(missing) == [
        "index public.orders_pkey is missing",
        "sequence public.numbers is missing",
        "sequence public.orders_id_seq is missing",
        "table public.users is missing",
    ]
