"""The safe forms that rules propose."""

import pytest

from domain.migration.analysis.forms import (
    added_empty,
    built_index,
    concurrent_steps,
    dropped_index,
    dropped_with_sequence,
    rerun_steps,
    root_index,
)
from domain.migration.snapshot import SchemaSnapshot, Value
from domain.migration.trace import RevisionTrace
from tests.unit.domain.migration.traces import BASE, USERS, Objects, column, index, revision, step, table


def serial(**more: Value) -> RevisionTrace:
    """A new column with a default that draws from a sequence, and a sequence beside it."""
    sequences: Objects = {
        ("sequence", "public.users_n_seq"): {**SEQUENCE, "owned_by": f"{USERS}.n", **more},
        ("sequence", "public.other"): SEQUENCE,
    }
    new = column(f"{USERS}.n", "bigint", default="nextval('public.users_n_seq'::regclass)")
    return revision(step("ADD n"), after={**BASE, **new, **sequences})


SEQUENCE: dict[str, Value] = {
    "type": "bigint",
    "start": 1,
    "increment": 1,
    "minimum": 1,
    "maximum": 2**63 - 1,
    "cache": 1,
    "cycle": False,
    "owned_by": None,
}


def test_a_column_brings_the_sequence_of_its_default() -> None:
    """One that it owns, or that its default names; another new one is left out."""
    code = added_empty(serial(), f"{USERS}.n")
    assert "CREATE SEQUENCE IF NOT EXISTS public.users_n_seq AS bigint OWNED BY public.users.n" in code
    assert "SET DEFAULT nextval" in code
    assert "public.other" not in code
    free = added_empty(serial(owned_by=None), f"{USERS}.n")
    assert 'CREATE SEQUENCE IF NOT EXISTS public.users_n_seq AS bigint")' in free


def test_a_sequence_that_the_column_does_not_own_is_dropped_with_it() -> None:
    """One that it owns goes by itself."""
    assert list(dropped_with_sequence(serial(), f"{USERS}.n")) == ['op.drop_column("users", "n")']
    assert list(dropped_with_sequence(serial(owned_by=None), f"{USERS}.n")) == [
        'op.drop_column("users", "n")',
        'op.execute("DROP SEQUENCE IF EXISTS public.users_n_seq")',
    ]


def test_a_column_without_a_default_gets_none() -> None:
    """And one that may be there already is added if it is not."""
    trace = revision(step("ADD"), after={**BASE, **column(f"{USERS}.plan", collation='"C"')})
    assert added_empty(trace, f"{USERS}.plan", if_missing=True) == (
        "op.execute('ALTER TABLE public.users ADD COLUMN IF NOT EXISTS plan text COLLATE \"C\"')\n"
    )


@pytest.mark.parametrize(
    ("sql", "steps"),
    [
        (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON shop.users (a)",
            ["DROP INDEX CONCURRENTLY IF EXISTS shop.ix", "CREATE INDEX CONCURRENTLY ix ON shop.users (a)"],
        ),
        (
            "CREATE INDEX CONCURRENTLY ix ON users (a)",
            ["DROP INDEX CONCURRENTLY IF EXISTS ix", "CREATE INDEX CONCURRENTLY ix ON users (a)"],
        ),
        ("VACUUM users", ["VACUUM users"]),
    ],
)
def test_what_an_interrupted_build_has_left_goes_first(sql: str, steps: list[str]) -> None:
    """An invalid index of the same name, in the schema of its table."""
    assert list(concurrent_steps(sql)) == [f'op.execute("{one}")' for one in steps]


def test_a_reindex_leaves_two_names() -> None:
    """The new index and the old one, whichever was interrupted."""
    first, second, last = concurrent_steps("REINDEX INDEX CONCURRENTLY public.ix")
    assert "ix_ccnew" in first
    assert "ix_ccold" in second
    assert last == 'op.execute("REINDEX INDEX CONCURRENTLY public.ix")'


def test_a_statement_that_can_run_again() -> None:
    """ADD COLUMN asks whether the column is there."""
    assert rerun_steps("ALTER TABLE users ADD COLUMN x int") == (
        'op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS x int")',
    )
    assert len(rerun_steps("CREATE INDEX CONCURRENTLY ix ON users (a)")) == 2


def partitioned() -> SchemaSnapshot:
    """An index over a partitioned table with a partition, and one that is partitioned again."""
    return SchemaSnapshot(
        {
            **table(USERS, kind="partitioned table"),
            **table("public.a", parents=(USERS,)),
            **table("public.b", kind="partitioned table", parents=(USERS,)),
            **table("public.c", parents=("public.b",)),
            **index("ix", USERS),
            **index("ix_a", "public.a", parent="public.ix"),
            **index("ix_b", "public.b", parent="public.ix"),
            **index("ix_c", "public.c", parent="public.ix_b"),
        }
    )


def test_an_index_of_a_partitioned_table_is_built_from_its_leaves() -> None:
    """Concurrently there; the whole comes behind it, and the parts are joined, the deepest first."""
    lines = [line.strip() for line in built_index(partitioned(), "public.ix").splitlines()]
    assert sum("CREATE INDEX CONCURRENTLY" in line for line in lines) == 2
    assert [line for line in lines if "CREATE INDEX ix" in line] == [
        'op.execute("CREATE INDEX ix ON public.users USING btree (email)")',
        'op.execute("CREATE INDEX ix_b ON public.b USING btree (email)")',
    ]
    assert [line for line in lines if "ATTACH" in line] == [
        'op.execute("ALTER INDEX public.ix_b ATTACH PARTITION public.ix_c")',
        'op.execute("ALTER INDEX public.ix ATTACH PARTITION public.ix_b")',
        'op.execute("ALTER INDEX public.ix ATTACH PARTITION public.ix_a")',
    ]
    assert root_index(partitioned(), "public.ix_c") == "public.ix"
    assert dropped_index(partitioned(), "public.ix") == 'op.drop_index("ix", table_name="users")'
    assert "postgresql_concurrently=True" in dropped_index(partitioned(), "public.ix_a")
    assert "ATTACH" not in built_index(partitioned(), "public.ix_a")
