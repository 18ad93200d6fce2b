"""Objects beside tables that differ are altered, and only where they differ."""

import pytest

from domain.migration.repair.derivation import Repair
from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    constraint,
    function,
    index,
    policy,
    publication,
    repair,
    rule,
    sequence,
    statements,
    statistics,
    steps,
    table,
    trigger,
    view,
)
from tests.unit.domain.migration.traces import Objects

PEOPLE_TABLE = table(PEOPLE, "email")


def index_between(expected: dict[str, Value], actual: dict[str, Value]) -> list[str]:
    """What leads from one index to another."""
    return statements(
        {**PEOPLE_TABLE, **index("public.ix", **expected)},
        {**PEOPLE_TABLE, **index("public.ix", **actual)},
    )


def test_an_invalid_index_is_built_again() -> None:
    """It is ready then as well."""
    assert index_between({}, {"valid": False, "ready": False}) == ["REINDEX INDEX public.ix"]


def test_an_index_that_was_invalid_cannot_be_made_so() -> None:
    """That is said, and nothing is built."""
    derived = repair({**PEOPLE_TABLE, **index("public.ix", valid=False)}, {**PEOPLE_TABLE, **index("public.ix")})
    assert derived.steps == ()
    assert derived.unresolved == ("the valid of index public.ix, which was False",)


def test_options_of_an_index() -> None:
    """They stand in its definition as well; where only they differ, the index is altered."""
    assert index_between({"options": ("fillfactor=70",)}, {}) == ["ALTER INDEX public.ix SET (fillfactor=70)"]
    assert index_between({}, {"options": ("fillfactor=70",)}) == ["ALTER INDEX public.ix RESET (fillfactor)"]


def test_statistics_of_an_index() -> None:
    """By the number of the column; one that had none gets the default."""
    assert index_between({"statistics": ("1: 500", "2: 100")}, {"statistics": ("1: 100", "3: 100")}) == [
        "ALTER INDEX public.ix ALTER COLUMN 1 SET STATISTICS 500",
        "ALTER INDEX public.ix ALTER COLUMN 2 SET STATISTICS 100",
        "ALTER INDEX public.ix ALTER COLUMN 3 SET STATISTICS -1",
    ]


def test_the_order_of_a_table() -> None:
    """An index is chosen for CLUSTER, or none is."""
    assert index_between({"clustered": True}, {}) == ["ALTER TABLE public.people CLUSTER ON ix"]
    assert index_between({}, {"clustered": True}) == ["ALTER TABLE public.people SET WITHOUT CLUSTER"]


def test_the_replica_identity_by_an_index() -> None:
    """The index says that it is, and the table what is instead."""
    by_index = {**table(PEOPLE, "email", replica_identity="index"), **index("public.ix", replica_identity=True)}
    by_default = {**PEOPLE_TABLE, **index("public.ix")}
    assert statements(by_default, by_index) == ["ALTER TABLE public.people REPLICA IDENTITY DEFAULT"]
    derived = repair(by_index, by_default)
    assert derived == Repair(('op.execute("ALTER TABLE public.people REPLICA IDENTITY USING INDEX ix")',))


@pytest.mark.parametrize(
    "attributes",
    [
        {"definition": "hash (email)"},
        {"opclass": ("text_pattern_ops",)},
        {"unique": True},
        {"predicate": "(email IS NULL)"},
        {"nulls_not_distinct": True},
        {"opclass_options": ("siglen=4",)},
    ],
)
def test_another_index_of_the_name(attributes: dict[str, Value]) -> None:
    """What is indexed cannot be altered: the index is dropped and made."""
    expected = {**PEOPLE_TABLE, **index("public.ix")}
    actual = {**PEOPLE_TABLE, **index("public.ix", **attributes)}
    assert steps(expected, actual) == [
        'op.drop_index(op.f("ix"), table_name="people")',
        'op.execute("CREATE INDEX ix ON public.people USING btree (email)")',
    ]


def unique(columns: str, **more: Value) -> Objects:
    """A unique constraint with its index."""
    return {
        **constraint(f"{PEOPLE}.uq", "unique", f"UNIQUE ({columns})"),
        **index("public.uq", PEOPLE, f"btree ({columns})", unique=True, constraint="uq", **more),
    }


def test_the_index_of_a_constraint_comes_with_it() -> None:
    """The constraint is made again, and its index is neither dropped nor altered; a comment of it is written."""
    expected = {**PEOPLE_TABLE, **unique("email", comment="cm")}
    assert steps(expected, {**PEOPLE_TABLE, **unique("name")}) == [
        'op.drop_constraint(op.f("uq"), "people")',
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT uq UNIQUE (email)")',
        "op.execute(\"COMMENT ON INDEX public.uq IS 'cm'\")",
    ]


def test_marks_of_the_index_of_a_constraint_come_back() -> None:
    """A comment, the order of the table, options, statistics and a tablespace are written, though they did not change.

    The same holds where the constraint is missing altogether.
    """
    marks: dict[str, Value] = {
        "comment": "cm",
        "clustered": True,
        "options": ("fillfactor=70",),
        "statistics": ("1: 100",),
        "replica_identity": True,
        "tablespace": "fast",
    }
    expected = {**PEOPLE_TABLE, **unique("email", **marks)}
    made = [
        'op.execute("ALTER TABLE public.people ADD CONSTRAINT uq UNIQUE (email)")',
        'op.execute("ALTER INDEX public.uq SET TABLESPACE fast")',
        'op.execute("ALTER INDEX public.uq SET (fillfactor=70)")',
        'op.execute("ALTER INDEX public.uq ALTER COLUMN 1 SET STATISTICS 100")',
        'op.execute("ALTER TABLE public.people CLUSTER ON uq")',
        'op.execute("ALTER TABLE public.people REPLICA IDENTITY USING INDEX uq")',
        "op.execute(\"COMMENT ON INDEX public.uq IS 'cm'\")",
    ]
    again = repair(expected, {**PEOPLE_TABLE, **unique("name", **marks)})
    assert again == Repair(('op.drop_constraint(op.f("uq"), "people")', *made))
    assert repair(expected, PEOPLE_TABLE) == Repair(tuple(made))


def test_the_index_of_a_constraint_that_stays_is_altered_itself() -> None:
    """Its options are its own, though its definition has them; and a comment of the constraint makes nothing again."""
    expected = {**PEOPLE_TABLE, **unique("email", options=("fillfactor=70",))}
    key, uq = ("constraint", f"{PEOPLE}.uq"), ("index", "public.uq")
    expected[uq] = {**expected[uq], "definition": f"{expected[uq]['definition']} WITH (fillfactor='70')"}
    assert statements(expected, {**PEOPLE_TABLE, **unique("email")}) == ["ALTER INDEX public.uq SET (fillfactor=70)"]
    expected[key] = {**expected[key], "comment": "cm"}
    assert statements(expected, {**PEOPLE_TABLE, **unique("email")}) == [
        "ALTER INDEX public.uq SET (fillfactor=70)",
        "COMMENT ON CONSTRAINT uq ON public.people IS 'cm'",
    ]


def test_an_index_without_a_constraint_has_nothing_to_do_with_one() -> None:
    """A constraint of the same table is made again: the index is altered as ever."""
    check = constraint(f"{PEOPLE}.None", "check", "CHECK ((id > 0))")
    other = constraint(f"{PEOPLE}.None", "check", "CHECK ((id > 1))")
    expected = {**PEOPLE_TABLE, **check, **index("public.ix", options=("fillfactor=70",))}
    derived = steps(expected, {**PEOPLE_TABLE, **other, **index("public.ix")})
    assert [step for step in derived if "INDEX" in step] == ['op.execute("ALTER INDEX public.ix SET (fillfactor=70)")']


def test_a_tablespace_is_kept() -> None:
    """An index goes back to its own, or to the usual one; so does a materialized view."""
    assert index_between({"tablespace": "fast"}, {}) == ["ALTER INDEX public.ix SET TABLESPACE fast"]
    assert index_between({}, {"tablespace": "fast"}) == ["ALTER INDEX public.ix SET TABLESPACE pg_default"]
    plain = view("public.v", "SELECT 1", kind="materialized view", tablespace=None)
    fast = view("public.v", "SELECT 1", kind="materialized view", tablespace="fast")
    assert statements(fast, plain) == ["ALTER MATERIALIZED VIEW public.v SET TABLESPACE fast"]
    assert statements(plain, fast) == ["ALTER MATERIALIZED VIEW public.v SET TABLESPACE pg_default"]


def test_sequences() -> None:
    """All options in one statement, the type only where it is another one; who owns it apart."""
    every = "INCREMENT BY 1 MINVALUE 1 MAXVALUE {} START WITH 1 CACHE 1 NO CYCLE"
    largest = 2**63 - 1
    assert statements(sequence(), sequence(increment=5, cache=3)) == [
        f"ALTER SEQUENCE public.tickets {every.format(largest)}"
    ]
    assert statements(sequence(type="integer", maximum=2**31 - 1), sequence()) == [
        f"ALTER SEQUENCE public.tickets AS integer {every.format(2**31 - 1)}"
    ]
    assert statements(sequence(owned_by=f"{PEOPLE}.id"), sequence()) == [
        "ALTER SEQUENCE public.tickets OWNED BY public.people.id"
    ]
    assert statements(sequence(), sequence(owned_by=f"{PEOPLE}.id")) == ["ALTER SEQUENCE public.tickets OWNED BY NONE"]
    assert statements(sequence(), sequence(persistence="unlogged")) == ["ALTER SEQUENCE public.tickets SET LOGGED"]
    assert statements(sequence(persistence="unlogged"), sequence()) == ["ALTER SEQUENCE public.tickets SET UNLOGGED"]


def test_options_of_a_view() -> None:
    """They are set without making the view again."""
    barrier = view("public.v", "SELECT 1", options=("security_barrier=true",))
    assert statements(barrier, view("public.v", "SELECT 1")) == ["ALTER VIEW public.v SET (security_barrier=true)"]
    assert statements(view("public.v", "SELECT 1"), barrier) == ["ALTER VIEW public.v RESET (security_barrier)"]


def test_a_materialized_view_is_filled_or_emptied() -> None:
    """REFRESH does both."""
    filled = view("public.v", "SELECT 1", kind="materialized view")
    empty = view("public.v", "SELECT 1", kind="materialized view", populated=False)
    assert statements(filled, empty) == ["REFRESH MATERIALIZED VIEW public.v"]
    assert statements(empty, filled) == ["REFRESH MATERIALIZED VIEW public.v WITH NO DATA"]


def body(result: str, text: str, **more: Value) -> Objects:
    """A function, its definition as Postgres writes it."""
    head = f"CREATE OR REPLACE FUNCTION public.f(a text)\n RETURNS {result}\n LANGUAGE sql\nAS $${text}$$\n"
    return function("public.f(text)", head, **more)


def test_a_function_with_another_body_is_replaced() -> None:
    """Nothing is dropped, so what uses it stays."""
    assert steps(body("text", "SELECT 'a'"), body("text", "SELECT 'b'")) == [
        (
            'op.execute(\n    "CREATE OR REPLACE FUNCTION public.f(a text)\\n"\n    " RETURNS text\\n"\n'
            '    " LANGUAGE sql\\n"\n    "AS $$SELECT \'a\'$$"\n)'
        )
    ]


def test_a_function_with_another_result_is_dropped_first() -> None:
    """CREATE OR REPLACE cannot change it; its comment alone makes nothing again."""
    first, second = steps(body("text", "SELECT 1"), body("integer", "SELECT 1"))
    assert first == 'op.execute("DROP FUNCTION public.f(text)")'
    assert "RETURNS text" in second
    assert statements(body("text", "SELECT 1", comment="cm"), body("text", "SELECT 1")) == [
        "COMMENT ON FUNCTION public.f(text) IS 'cm'"
    ]


def test_a_procedure_where_a_function_was_expected() -> None:
    """It is dropped as what it is."""
    expected = function("public.f()", "CREATE OR REPLACE FUNCTION public.f()\n LANGUAGE sql")
    actual = function("public.f()", "CREATE OR REPLACE PROCEDURE public.f()\n LANGUAGE sql", kind="procedure")
    assert steps(expected, actual)[0] == 'op.execute("DROP PROCEDURE public.f()")'


def test_triggers_and_rules_are_switched() -> None:
    """Where only their state differs."""
    on = {**PEOPLE_TABLE, **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t"), **rule(f"{PEOPLE}.r", "CREATE RULE r")}
    off = {
        **PEOPLE_TABLE,
        **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t", enabled="disabled"),
        **rule(f"{PEOPLE}.r", "CREATE RULE r", enabled="replica"),
    }
    assert statements(on, off) == [
        "ALTER TABLE public.people ENABLE RULE r",
        "ALTER TABLE public.people ENABLE TRIGGER t",
    ]
    assert statements(off, on) == [
        "ALTER TABLE public.people ENABLE REPLICA RULE r",
        "ALTER TABLE public.people DISABLE TRIGGER t",
    ]


def test_comments_of_triggers_and_rules_switch_nothing() -> None:
    """Only the comment is written."""
    plain = {**PEOPLE_TABLE, **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t"), **rule(f"{PEOPLE}.r", "CREATE RULE r")}
    commented = {
        **PEOPLE_TABLE,
        **trigger(f"{PEOPLE}.t", "CREATE TRIGGER t", comment="cm"),
        **rule(f"{PEOPLE}.r", "CREATE RULE r", comment="cm"),
    }
    assert statements(commented, plain) == [
        "COMMENT ON RULE r ON public.people IS 'cm'",
        "COMMENT ON TRIGGER t ON public.people IS 'cm'",
    ]


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("trigger", "CREATE TRIGGER t AFTER INSERT"),
        ("rule", "CREATE RULE t AS ON DELETE"),
    ],
)
def test_another_trigger_or_rule_of_the_name(kind: str, made: str) -> None:
    """It is dropped and made again, and switched off if it was."""
    build = trigger if kind == "trigger" else rule
    expected = {**PEOPLE_TABLE, **build(f"{PEOPLE}.t", made, enabled="disabled")}
    actual = {**PEOPLE_TABLE, **build(f"{PEOPLE}.t", made.replace(" AS", " OR").replace("AFTER", "BEFORE"))}
    assert statements(expected, actual) == [
        f"DROP {kind.upper()} t ON public.people",
        made,
        f"ALTER TABLE public.people DISABLE {kind.upper()} t",
    ]


def test_the_target_of_statistics() -> None:
    """0 is a target; none is -1."""
    sql = "CREATE STATISTICS public.s ON a, b FROM public.people"
    few, none = ({**PEOPLE_TABLE, **statistics("public.s", PEOPLE, sql, target=target)} for target in (0, None))
    assert statements(few, none) == ["ALTER STATISTICS public.s SET STATISTICS 0"]
    assert statements(none, few) == ["ALTER STATISTICS public.s SET STATISTICS -1"]
    commented = {**PEOPLE_TABLE, **statistics("public.s", PEOPLE, sql, target=0, comment="cm")}
    assert statements(commented, few) == ["COMMENT ON STATISTICS public.s IS 'cm'"]


def test_the_schema_of_an_extension() -> None:
    """It moves back; its version does not."""
    expected: Objects = {("extension", "vector"): {"version": "0.8.0", "schema": "public"}}
    moved: Objects = {("extension", "vector"): {"version": "0.8.0", "schema": "shop"}}
    updated: Objects = {("extension", "vector"): {"version": "0.8.4", "schema": "public"}}
    assert statements(expected, moved) == ["ALTER EXTENSION vector SET SCHEMA public"]
    derived = repair(expected, updated)
    assert (derived.steps, derived.unresolved) == ((), ("the version of extension vector, which was 0.8.0",))


def test_what_a_publication_publishes() -> None:
    """All actions in one statement; the rows of partitions are left to the author."""
    assert statements(publication("news", deletes=False), publication("news", inserts=False)) == [
        "ALTER PUBLICATION news SET (publish = 'insert, truncate, update')"
    ]
    derived = repair(publication("news"), publication("news", via_partition_root=True))
    assert (derived.steps, derived.unresolved) == ((), ("the via partition root of publication news, which was False",))


@pytest.mark.parametrize("attributes", [{"command": "select"}, {"roles": ("app",)}, {"using": "true"}, {"check": "x"}])
def test_another_policy_of_the_name(attributes: dict[str, Value]) -> None:
    """It is dropped and made again."""
    expected = {**PEOPLE_TABLE, **policy(f"{PEOPLE}.own")}
    assert statements(expected, {**PEOPLE_TABLE, **policy(f"{PEOPLE}.own", **attributes)}) == [
        "DROP POLICY own ON public.people",
        "CREATE POLICY own ON public.people FOR ALL TO public",
    ]
