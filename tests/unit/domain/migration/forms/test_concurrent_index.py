"""Indexes that are built concurrently."""

from domain.migration.forms.concurrent_index import ConcurrentIndex, root_index
from domain.migration.forms.planned_index import PlannedIndex
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import USERS, index, table


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
    lines = [line.strip() for line in ConcurrentIndex.of(partitioned(), "public.ix").expand.code.splitlines()]
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
    assert ConcurrentIndex.of(partitioned(), "public.ix").expand.downgrade == (
        'op.drop_index("ix", table_name="users")',
    )
    part = ConcurrentIndex.of(partitioned(), "public.ix_a").expand
    assert "postgresql_concurrently=True" in part.downgrade[0]
    assert "ATTACH" not in part.code


def test_a_planned_index_follows_the_partitions() -> None:
    """The index of a table that is not partitioned needs no SQL; of another one, each partition has its part."""
    assert PlannedIndex.of(partitioned(), "public.a", ("email", '"Name"')).expand.code == (
        "with op.get_context().autocommit_block():\n"
        '    op.drop_index("ix_a_email_Name", "a", if_exists=True, postgresql_concurrently=True)\n'
        '    op.create_index("ix_a_email_Name", "a", ["email", "Name"], postgresql_concurrently=True)\n'
    )
    code = PlannedIndex.of(partitioned(), USERS, ("email",)).expand.code
    assert "CREATE INDEX CONCURRENTLY ix_c_email ON public.c USING btree (email)" in code
    assert "CREATE INDEX ix_users_email ON ONLY public.users USING btree (email)" in code
    assert "ALTER INDEX public.ix_b_email ATTACH PARTITION public.ix_c_email" in code
    assert PlannedIndex("shop.a", ("x",)).on_new_table == 'op.create_index("ix_a_x", "a", ["x"], schema="shop")'
