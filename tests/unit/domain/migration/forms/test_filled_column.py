"""Columns that are added empty and filled in batches."""

from domain.migration.forms.column import Column
from domain.migration.forms.filled_column import FilledColumn
from domain.migration.forms.form import Step
from domain.migration.snapshot import SchemaSnapshot, Value
from tests.unit.domain.migration.traces import BASE, USERS, Objects, column


def serial(**more: Value) -> Step:
    """A new column with a default that draws from a sequence, and a sequence beside it."""
    sequences: Objects = {
        ("sequence", "public.users_n_seq"): {**SEQUENCE, "owned_by": f"{USERS}.n", **more},
        ("sequence", "public.other"): SEQUENCE,
    }
    new = column(f"{USERS}.n", "bigint", default="nextval('public.users_n_seq'::regclass)")
    snapshot = SchemaSnapshot({**BASE, **new, **sequences})
    return FilledColumn.of(snapshot, f"{USERS}.n", ["public.other", "public.users_n_seq"]).expand


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
    code = serial().code
    assert "CREATE SEQUENCE IF NOT EXISTS public.users_n_seq AS bigint OWNED BY public.users.n" in code
    assert "SET DEFAULT nextval" in code
    assert "public.other" not in code
    free = serial(owned_by=None).code
    assert 'CREATE SEQUENCE IF NOT EXISTS public.users_n_seq AS bigint")' in free


def test_a_sequence_that_the_column_does_not_own_is_dropped_with_it() -> None:
    """One that it owns goes by itself."""
    assert serial().downgrade == ('op.drop_column("users", "n")',)
    assert serial(owned_by=None).downgrade == (
        'op.drop_column("users", "n")',
        'op.execute("DROP SEQUENCE IF EXISTS public.users_n_seq")',
    )


def test_a_column_without_a_default_gets_none() -> None:
    """And one that may be there already is added if it is not."""
    snapshot = SchemaSnapshot({**BASE, **column(f"{USERS}.plan", collation='"C"')})
    form = FilledColumn.of(snapshot, f"{USERS}.plan", [], if_missing=True)
    assert form.expand.code == (
        "op.execute('ALTER TABLE public.users ADD COLUMN IF NOT EXISTS plan text COLLATE \"C\"')\n"
    )


def test_rows_get_the_default() -> None:
    """The rows without a value get the default, another value if there is one, and none if there is neither."""
    plan = Column(USERS, "plan", "text", default="'free'")
    step = FilledColumn(plan, key="id").migrate
    assert "SET plan = 'free' WHERE (plan IS NULL)" in step.code
    assert not step.downgrade
    assert step.declarations == (
        'lossy_downgrade = {"public.users.plan": "what was NULL keeps the value that it got"}',
    )
    assert "SET plan = name WHERE" in FilledColumn(plan, value="name", key="id").migrate.code
    assert not FilledColumn(Column(USERS, "plan", "text")).migrate


def test_a_required_column_becomes_so_last() -> None:
    """NOT NULL waits for the contract step, and the comment says so; other columns need no such step."""
    plan = FilledColumn(Column(USERS, "plan", "text", default="'free'", not_null=True))
    assert "NOT NULL" not in plan.expand.code
    assert "SET NOT NULL" in plan.contract.code
    assert plan.announced.code.endswith(
        "# In the next revision: fill plan in batches that commit, then set NOT NULL.\n"
    )
    free = FilledColumn(Column(USERS, "plan", "text", default="'free'"))
    assert not free.contract
    assert free.announced.code.endswith("# In the next revision: fill plan in batches that commit.\n")
    written = FilledColumn(Column(USERS, "plan", "text", not_null=True))
    assert "# When all code writes it: fill plan" in written.announced.code
