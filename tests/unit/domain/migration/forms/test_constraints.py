"""Constraints, keys and NOT NULL without a scan that others wait for."""

from domain.migration.forms.foreign_key import ForeignKey
from domain.migration.forms.key_from_index import KeyFromIndex
from domain.migration.forms.not_null import NotNull
from domain.migration.forms.planned_index import PlannedIndex
from domain.migration.forms.primary_key import PrimaryKey
from domain.migration.forms.validated_constraint import ValidatedConstraint

CHECK = ValidatedConstraint("public.t", "ck", "CHECK (a > 0) NOT VALID")
KEY = KeyFromIndex("public.t", "pk", "PRIMARY KEY", "CREATE UNIQUE INDEX pk ON public.t (n)", " DEFERRABLE")


def test_a_constraint_is_validated_later() -> None:
    """It is added NOT VALID first; validated, it is made NOT VALID again by the downgrade of the second revision."""
    assert CHECK.expand.upgrade == (
        'op.execute("ALTER TABLE public.t DROP CONSTRAINT IF EXISTS ck, ADD CONSTRAINT ck CHECK (a > 0) NOT VALID")',
    )
    assert CHECK.expand.downgrade == ('op.drop_constraint("ck", "t")',)
    assert "VALIDATE CONSTRAINT ck" in CHECK.contract.code
    assert CHECK.contract.downgrade == CHECK.expand.upgrade
    assert CHECK.at_once.downgrade == CHECK.expand.downgrade


def test_a_replaced_constraint_is_restored() -> None:
    """The downgrade makes the constraint of the same name again instead of dropping the new one only."""
    assert ValidatedConstraint("public.t", "ck", "CHECK (a > 0)", ("old()",)).at_once.downgrade == ("old()",)
    assert KeyFromIndex("public.t", "pk", "UNIQUE", "", restoration=("old()",)).expand.downgrade == ("old()",)


def test_not_null_comes_last() -> None:
    """Rows are filled while old code may write NULL; a validated constraint proves in the end that there is none."""
    form = NotNull("public.t", "a", "0", "id")
    assert not form.expand
    assert "SET a = 0 WHERE (a IS NULL)" in form.migrate.code
    assert "public.t.a" in form.migrate.declarations[0]
    assert "ck_t_a_not_null CHECK (a IS NOT NULL) NOT VALID" in form.contract.upgrade[0]
    assert "DROP CONSTRAINT ck_t_a_not_null" in form.contract.upgrade[-1]
    assert form.contract.downgrade == ('op.execute("ALTER TABLE public.t ALTER COLUMN a DROP NOT NULL")',)
    assert not NotNull("public.t", "a").migrate


def test_a_key_adopts_its_index() -> None:
    """The index of a key that takes another one's place has a name of its own until then."""
    assert "ADD CONSTRAINT pk PRIMARY KEY USING INDEX pk DEFERRABLE" in KEY.expand.code
    assert "CREATE UNIQUE INDEX CONCURRENTLY pk ON public.t (n)" in KEY.expand.code
    other = KeyFromIndex("public.t", "pk", "UNIQUE", "CREATE UNIQUE INDEX pk ON public.t (n)", replaces=True).expand
    assert 'CREATE UNIQUE INDEX CONCURRENTLY "pk_new" ON public.t (n)' in other.fix.replace("'", "").replace("\\", "")
    assert "DROP CONSTRAINT IF EXISTS pk, ADD CONSTRAINT pk UNIQUE USING INDEX" in other.code


def test_the_columns_of_a_primary_key_become_not_null_before() -> None:
    """Each by its own constraint; the key comes last, and is dropped first."""
    form = PrimaryKey(KEY, (NotNull("public.t", "n"), NotNull("public.t", "m")))
    assert not form.expand
    assert form.contract.code.count("VALIDATE") == 2
    assert "USING INDEX" in form.contract.upgrade[-1]
    assert form.at_once.downgrade == (
        'op.drop_constraint("pk", "t")',
        'op.execute("ALTER TABLE public.t ALTER COLUMN m DROP NOT NULL")',
        'op.execute("ALTER TABLE public.t ALTER COLUMN n DROP NOT NULL")',
    )


def test_a_foreign_key_comes_after_its_index() -> None:
    """The index is built before the key is added; a key whose columns have one needs none."""
    key = ValidatedConstraint("public.t", "fk", "FOREIGN KEY (a) REFERENCES public.u(id)")
    form = ForeignKey(key, PlannedIndex("public.t", ("a",)))
    assert form.expand.code.index("create_index") < form.expand.code.index("FOREIGN KEY")
    assert ForeignKey(key).expand == key.expand
    assert ForeignKey(key).contract == key.contract
