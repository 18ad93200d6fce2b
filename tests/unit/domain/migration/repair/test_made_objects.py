"""Statements that make what is in a table, and what is beside it."""

import pytest

from domain.migration.repair.definitions import (
    enabled,
)
from domain.migration.snapshot import Value
from tests.unit.domain.migration.repair.catalogs import (
    PEOPLE,
    column,
    composite,
    constraint,
    domain_type,
    enum,
    function,
    index,
    policy,
    publication,
    rule,
    statistics,
    table,
    trigger,
    view,
)
from tests.unit.domain.migration.repair.definitions import EMAIL, made
from tests.unit.domain.migration.traces import Objects


def test_add_a_column() -> None:
    """With its settings."""
    assert made(column(EMAIL, not_null=True, statistics=500)) == [
        "ALTER TABLE public.people ADD COLUMN email text NOT NULL",
        "ALTER TABLE public.people ALTER COLUMN email SET STATISTICS 500",
    ]


def test_add_a_constraint() -> None:
    """To a table, or to a domain."""
    check = constraint(f"{PEOPLE}.c", "check", "CHECK ((size > 0))")
    assert made(check) == ["ALTER TABLE public.people ADD CONSTRAINT c CHECK ((size > 0))"]
    value = constraint("public.age.c", "check", "CHECK ((VALUE > 0))")
    assert made({**value, **domain_type("public.age", "integer")}) == [
        "ALTER DOMAIN public.age ADD CONSTRAINT c CHECK ((VALUE > 0))"
    ]


def test_make_an_index() -> None:
    """Its definition; statistics of its expressions, and what makes it the order of its table, come behind it."""
    assert made(index("public.ix")) == ["CREATE INDEX ix ON public.people USING btree (email)"]
    objects = index("public.ix", statistics=("1: 500", "3: 0"), clustered=True, replica_identity=True)
    assert made(objects) == [
        "CREATE INDEX ix ON public.people USING btree (email)",
        "ALTER INDEX public.ix ALTER COLUMN 1 SET STATISTICS 500",
        "ALTER INDEX public.ix ALTER COLUMN 3 SET STATISTICS 0",
        "ALTER TABLE public.people CLUSTER ON ix",
        "ALTER TABLE public.people REPLICA IDENTITY USING INDEX ix",
    ]


def test_a_tablespace_is_named() -> None:
    """That of an index comes before its condition, that of a materialized view before its query."""
    objects = index("public.ix", definition="btree (email) WHERE (id > 3)", predicate="(id > 3)", tablespace="fast")
    assert made(objects) == ["CREATE INDEX ix ON public.people USING btree (email) TABLESPACE fast WHERE (id > 3)"]
    assert made(index("public.ix", tablespace="fast")) == [
        "CREATE INDEX ix ON public.people USING btree (email) TABLESPACE fast"
    ]
    objects = view("public.v", " SELECT 1;", kind="materialized view", tablespace="fast")
    assert "\n".join(made(objects) or ()).startswith("CREATE MATERIALIZED VIEW public.v TABLESPACE fast AS")


def test_an_index_of_a_partitioned_table_is_made_on_its_partitions_too() -> None:
    """The catalog says ONLY, as each partition has an index of its own; that of a plain table stays as it is."""
    definition = "CREATE INDEX ix ON ONLY public.people USING btree (at) WHERE (note = ' ON ONLY '::text)"
    objects = index("public.ix", definition=definition) | {}
    objects["index", "public.ix"] = {**objects["index", "public.ix"], "definition": definition}
    assert made({**objects, **table(kind="partitioned table")}) == [
        "CREATE INDEX ix ON public.people USING btree (at) WHERE (note = ' ON ONLY '::text)"
    ]
    assert made({**objects, **table(kind="table")}) == [definition]


def test_make_a_view() -> None:
    """Options before the query; a semicolon of the catalog is no part of it."""
    assert made(view("public.v", " SELECT 1;", options=("security_barrier=true", "check_option=local"))) == [
        "CREATE VIEW public.v WITH (security_barrier=true, check_option=local) AS\n SELECT 1"
    ]


def test_a_materialized_view_is_filled_if_it_was() -> None:
    """WITH NO DATA where it was not."""
    filled = view("public.v", " SELECT 1;", kind="materialized view", populated=True)
    empty = view("public.v", " SELECT 1;", kind="materialized view", populated=False)
    assert made(filled) == ["CREATE MATERIALIZED VIEW public.v AS\n SELECT 1"]
    assert made(empty) == ["CREATE MATERIALIZED VIEW public.v AS\n SELECT 1\n WITH NO DATA"]


def test_triggers_and_rules_come_in_their_state() -> None:
    """One that fires as usual needs no word; each other state has its own."""
    audit = "CREATE TRIGGER audit AFTER INSERT ON public.people FOR EACH ROW EXECUTE FUNCTION f()"
    assert made(trigger(f"{PEOPLE}.audit", audit)) == [audit]
    for state, word in (("disabled", "DISABLE"), ("replica", "ENABLE REPLICA"), ("always", "ENABLE ALWAYS")):
        assert made(trigger(f"{PEOPLE}.audit", audit, enabled=state)) == [
            audit,
            f"ALTER TABLE public.people {word} TRIGGER audit",
        ]
    quiet = "CREATE RULE quiet AS ON DELETE TO public.people DO NOTHING;"
    assert made(rule(f"{PEOPLE}.quiet", quiet)) == [quiet.removesuffix(";")]
    assert made(rule(f"{PEOPLE}.quiet", quiet, enabled="disabled")) == [
        quiet.removesuffix(";"),
        "ALTER TABLE public.people DISABLE RULE quiet",
    ]
    assert enabled(f"{PEOPLE}.quiet", "rule", {"enabled": "origin"}) == "ALTER TABLE public.people ENABLE RULE quiet"


def test_make_a_policy() -> None:
    """A condition that is absent is left out; an expression in the catalog has no parentheses."""
    assert made(policy(f"{PEOPLE}.own")) == ["CREATE POLICY own ON public.people FOR ALL TO public"]
    strict = policy(
        f"{PEOPLE}.own", command="update", permissive=False, roles=("app", "web"), using="true", check="(size > 0)"
    )
    assert made(strict) == [
        "CREATE POLICY own ON public.people AS RESTRICTIVE FOR UPDATE TO app, web USING (true) WITH CHECK ((size > 0))"
    ]


def test_make_statistics() -> None:
    """A target has a statement of its own; 0 is a target as well."""
    sql = "CREATE STATISTICS public.s ON a, b FROM public.people"
    assert made(statistics("public.s", PEOPLE, sql)) == [sql]
    assert made(statistics("public.s", PEOPLE, sql, target=0)) == [sql, "ALTER STATISTICS public.s SET STATISTICS 0"]


def test_make_types() -> None:
    """An enum with its values, a domain with its base, a composite type with its columns."""
    assert made(enum("public.mood", "glad", "it's")) == ["CREATE TYPE public.mood AS ENUM ('glad', 'it''s')"]
    assert made(domain_type("public.age", "integer")) == ["CREATE DOMAIN public.age AS integer"]
    strict = domain_type("public.age", "text", collation='"C"', default="''::text", not_null=True)
    assert made(strict) == ["CREATE DOMAIN public.age AS text COLLATE \"C\" DEFAULT ''::text NOT NULL"]
    place = {**composite("public.place"), **column("public.place.zip", position=2), **column("public.place.town")}
    assert made(place) == ["CREATE TYPE public.place AS (town text, zip text)"]
    assert made({("type", "public.opaque"): {"kind": "base"}}) is None


def test_make_a_range() -> None:
    """With what it is given; functions are named without their arguments, and a canonical one cannot exist before."""
    span: Objects = {("type", "public.span"): {"kind": "range", "subtype": "integer", "canonical": None}}
    assert made(span) == ["CREATE TYPE public.span AS RANGE (SUBTYPE = integer)"]
    full = {
        "opclass": "int4_ops",
        "subtype_collation": '"C"',
        "subtype_difference": "public.diff(integer,integer)",
        "multirange": "public.spans",
    }
    assert made({("type", "public.span"): {**span["type", "public.span"], **full}}) == [
        (
            'CREATE TYPE public.span AS RANGE (SUBTYPE = integer, SUBTYPE_OPCLASS = int4_ops, COLLATION = "C",'
            " SUBTYPE_DIFF = public.diff, MULTIRANGE_TYPE_NAME = public.spans)"
        )
    ]
    assert made({("type", "public.span"): {**span["type", "public.span"], "canonical": "public.c(span)"}}) is None


def test_make_an_event_trigger() -> None:
    """For all commands, or for some, and switched as it was."""
    watch: dict[str, Value] = {"event": "ddl_command_end", "tags": (), "function": "public.f()", "enabled": "origin"}
    start = "CREATE EVENT TRIGGER watch ON ddl_command_end"
    assert made({("event trigger", "watch"): watch}) == [f"{start} EXECUTE FUNCTION public.f()"]
    some = {**watch, "tags": ("CREATE TABLE", "DROP TABLE"), "enabled": "disabled"}
    assert made({("event trigger", "watch"): some}) == [
        f"{start} WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION public.f()",
        "ALTER EVENT TRIGGER watch DISABLE",
    ]


def test_make_publications() -> None:
    """What is published, of which tables, columns, rows and schemas."""
    assert made(publication("news")) == ["CREATE PUBLICATION news WITH (publish = 'insert, update, delete, truncate')"]
    some = publication("news", all_tables=True, updates=False, truncates=False, via_partition_root=True)
    assert made(some) == [
        "CREATE PUBLICATION news FOR ALL TABLES WITH (publish = 'insert, delete', publish_via_partition_root = true)"
    ]
    key = ("publication table", f"news.{PEOPLE}")
    assert made({key: {"columns": None, "row_filter": None}}) == ["ALTER PUBLICATION news ADD TABLE public.people"]
    assert made({key: {"columns": ("id", "name"), "row_filter": "(size > 0)"}}) == [
        "ALTER PUBLICATION news ADD TABLE public.people (id, name) WHERE ((size > 0))"
    ]
    assert made({("publication schema", "news.shop"): {}}) == ["ALTER PUBLICATION news ADD TABLES IN SCHEMA shop"]


@pytest.mark.parametrize(
    ("method", "context", "said"),
    [
        ("function", "explicit", "WITH FUNCTION public.f(text)"),
        ("input and output", "assignment", "WITH INOUT AS ASSIGNMENT"),
        ("binary", "implicit", "WITHOUT FUNCTION AS IMPLICIT"),
    ],
)
def test_make_a_cast(method: str, context: str, said: str) -> None:
    """By a function, by text or as it is; where it is not explicit, it says when it is taken."""
    cast: Objects = {
        ("cast", "(text AS integer)"): {"function": "public.f(text)", "context": context, "method": method}
    }
    assert made(cast) == [f"CREATE CAST (text AS integer) {said}"]


def test_make_schemas_and_extensions() -> None:
    """An extension goes to the schema where it was; which version it had, Postgres decides."""
    assert made({("schema", "shop"): {"owner": "shop"}}) == ["CREATE SCHEMA shop"]
    assert made({("extension", "vector"): {"version": "0.8.0", "schema": "public"}}) == [
        "CREATE EXTENSION vector SCHEMA public"
    ]


def test_other_kinds_are_made_from_their_definition() -> None:
    """A function has one; of an operator a catalog holds none, so nothing makes it."""
    assert made(function("public.f()", "CREATE FUNCTION public.f() …\n")) == ["CREATE FUNCTION public.f() …"]
    assert made({("operator", "public.+(text,text)"): {"result": "text"}}) is None
