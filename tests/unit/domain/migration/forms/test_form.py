"""Steps of forms, and how they are put together."""

from domain.migration.forms.column import Column
from domain.migration.forms.form import Step, together
from domain.migration.forms.second_column import SecondColumn

FIRST = Step(("add()",), ("drop()",), ("a = 1",))
SECOND = Step(("fill()",), ("empty()",), ("b = 2",))


def test_steps_in_one_revision_are_undone_in_reverse() -> None:
    """The later step is undone first; the declarations of both stay."""
    both = together([FIRST, SECOND])
    assert both == FIRST + SECOND
    assert both == Step(("add()", "fill()"), ("empty()", "drop()"), ("a = 1", "b = 2"))
    assert together([]) == Step()
    assert not Step()
    assert FIRST


def test_a_fix_has_a_downgrade_if_there_is_one() -> None:
    """The body of the upgrade comes first, then the whole function that undoes it."""
    assert FIRST.fix == "add()\n\n\ndef downgrade() -> None:\n    drop()\n"
    assert Step(("add()",)).fix == "add()\n"
    assert FIRST.undone().fix == "drop()\n\n\ndef downgrade() -> None:\n    add()\n"


def test_an_announced_step_says_what_follows() -> None:
    """The comments stand below the operations of the first step."""
    form = SecondColumn(Column("public.t", "a", "text"), Column("public.t", "b", "text"))
    assert form.announced.code == (
        'op.execute("ALTER TABLE public.t ADD COLUMN b text")\n'
        "# Next revisions: let a trigger keep both alike, copy a in batches, let the code use b,\n"
        "# drop a last.\n"
    )
    assert form.announced.downgrade == form.expand.downgrade
