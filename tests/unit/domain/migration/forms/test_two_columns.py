"""Columns that another one replaces: under another name, or with another type."""

from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.column import Column
from domain.migration.forms.dropped_column import DroppedColumn
from domain.migration.forms.dual_write import DualWrite
from domain.migration.forms.second_column import SecondColumn

OLD = Column("public.t", "a", "text", default="'x'", not_null=True)
NEW = Column("public.t", "b", "text", default="'y'", not_null=True)


def test_the_old_column_goes_last() -> None:
    """The new column is required and has its default before the old one is dropped, in one transaction."""
    contract = SecondColumn(OLD, NEW, "id").contract
    places = [
        contract.code.index(text) for text in ("b SET NOT NULL", "DROP TRIGGER", "SET DEFAULT 'y'", "drop_column")
    ]
    assert places == sorted(places)


def test_the_downgrade_restores_the_old_column() -> None:
    """The trigger copies back while the rows are filled, and copies forth again in the end."""
    undo = "\n".join(SecondColumn(OLD, NEW, "id").contract.downgrade)
    texts = ("ADD COLUMN IF NOT EXISTS a text", "NEW.a := converted", "SET a = b", "NEW.b := converted", "DEFAULT 'x'")
    places = [undo.index(text) for text in texts]
    assert places == sorted(places)
    assert "ALTER COLUMN b DROP DEFAULT" in undo
    assert "ALTER COLUMN b DROP NOT NULL" in undo


def test_plain_columns_need_less() -> None:
    """Without NOT NULL and defaults, there are none to set or to restore."""
    plain = SecondColumn(Column("public.t", "a", "text"), Column("public.t", "b", "text"), "id").contract
    assert "DEFAULT" not in plain.fix
    assert "SET NOT NULL" not in plain.fix


def test_another_type_takes_over_the_name() -> None:
    """The second column is renamed after the old one is dropped, and back before that is restored."""
    form = ChangedType(Column("public.t", '"A"', "int"), Column("public.t", '"A"', "bigint"), "id")
    assert form.expand.upgrade == ("op.execute('ALTER TABLE public.t ADD COLUMN \"A_new\" bigint')",)
    assert form.contract.upgrade[-1] == 'op.execute(\'ALTER TABLE public.t RENAME COLUMN "A_new" TO "A"\')'
    assert form.contract.downgrade[0] == 'op.execute(\'ALTER TABLE public.t RENAME COLUMN "A" TO "A_new"\')'
    assert "a trigger keeps both" in form.notes[0]


def test_values_that_a_program_computes_have_no_code() -> None:
    """Such as embeddings of another model: only the column is added."""
    form = ChangedType(OLD, OLD, converted=False)
    assert form.expand
    assert not form.migrate
    assert not form.contract
    assert form.notes == ("# Next revisions: fill a_new in batches, build its indexes concurrently, switch, drop a.",)


def test_rows_without_a_key_are_filled_by_their_place() -> None:
    """The loop ends when no row is left that has the one value and not the other."""
    code = SecondColumn(OLD, NEW).migrate.code
    assert "WHERE ctid = ANY(ARRAY(SELECT ctid FROM public.t WHERE b IS NULL AND a IS NOT NULL LIMIT 500))" in code


def test_a_trigger_is_in_the_schema_of_its_table() -> None:
    """A table without a schema has a function without one."""
    assert "FUNCTION shop.t_a_b_alike()" in DualWrite.of("shop.t", "a", "b").function
    assert "FUNCTION t_a_b_alike()" in DualWrite.of("t", "a", "b").function


def test_a_required_column_gets_no_null_from_the_other() -> None:
    """A NULL in the new column counts as not written, in both directions; elsewhere a NULL is a value."""
    trigger = DualWrite.of("t", "a", "b", required=True)
    assert "OLD.b::text AND NEW.b IS NOT NULL;" in trigger.function
    assert "OLD.a::text AND NEW.a IS NOT NULL;" in trigger.turned().function
    assert "OLD.b::text;" in DualWrite.of("t", "a", "b").function


def test_a_column_is_dropped_in_two_deployments() -> None:
    """New code must be able to leave it out first; one that it can leave out needs no such step."""
    assert "DROP NOT NULL" in DroppedColumn(OLD).expand.code
    assert not DroppedColumn(Column("public.t", "a", "text")).expand
    contract = DroppedColumn(OLD).contract
    assert contract.upgrade == ('op.drop_column("t", "a")',)
    assert "SET DEFAULT 'x'" in contract.downgrade[1]
    assert len(DroppedColumn(Column("public.t", "a", "text")).contract.downgrade) == 1
    assert contract.declarations == (
        'lossy_downgrade = {"public.t.a": "no deployed code uses a, its values go with it"}',
    )
