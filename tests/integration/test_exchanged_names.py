"""Objects that exchange their names: the old code meets another one, and a downgrade must exchange them back."""

from typing import NamedTuple

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.rules import drop_or_rename_in_use, enum_value_removed
from domain.migration.digest import DataChangeKind
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

pytestmark = pytest.mark.one_major

SETUP = """
CREATE TABLE p (id bigint, flag boolean NOT NULL, other boolean NOT NULL);
CREATE TABLE q (id bigint, flag boolean NOT NULL, other boolean NOT NULL);
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TABLE moods (mood mood NOT NULL);
CREATE VIEW v AS SELECT 1 AS n, 2 AS m;
CREATE VIEW w AS SELECT 2 AS n;
CREATE TYPE pair AS (a int, b int)
"""
NEW_TYPE = """
op.execute("CREATE TYPE mood_new AS ENUM ('sad', 'happy', 'glad')")
op.execute("ALTER TABLE moods ALTER mood TYPE mood_new USING mood::text::mood_new")
op.execute("DROP TYPE mood")
op.execute("ALTER TYPE mood_new RENAME TO mood")
"""


def exchange(rename: str, one: str, two: str) -> str:
    """Return code that exchanges two names."""
    pairs = ((one, "spare"), (two, one), ("spare", two))
    return "\n".join(f'op.execute("{rename.format(*pair)}")' for pair in pairs)


TABLES = exchange("ALTER TABLE {} RENAME TO {}", "p", "q")
COLUMNS = exchange("ALTER TABLE p RENAME {} TO {}", "flag", "other")


class Upgrade(NamedTuple):
    """The body of an upgrade, and what is said to have exchanged names."""

    body: str
    said: str | None


UPGRADES = {
    "tables": Upgrade(TABLES, "The tables public.p, public.q have exchanged their names"),
    "columns": Upgrade(COLUMNS, "The columns public.p.flag, public.p.other have exchanged their names"),
    "columns_of_a_renamed_table": Upgrade(
        f'{COLUMNS}\nop.execute("ALTER TABLE p RENAME TO r")\nop.execute("CREATE VIEW p AS TABLE r")',
        "The columns public.p.flag, public.p.other have exchanged their names",
    ),
    "in_one_block": Upgrade(
        'op.execute("DO $$ BEGIN ALTER TABLE p RENAME TO r; ALTER TABLE q RENAME TO p; ALTER TABLE r RENAME TO q; '
        'END $$")',
        "The tables public.p, public.q have exchanged their names",
    ),
    "three_columns": Upgrade(
        f"{COLUMNS}\n{exchange('ALTER TABLE p RENAME {} TO {}', 'other', 'id')}",
        "The columns public.p.flag, public.p.id, public.p.other have exchanged their names",
    ),
    "views": Upgrade(
        exchange("ALTER VIEW {} RENAME TO {}", "v", "w"), "The views public.v, public.w have exchanged their names"
    ),
    "columns_of_a_view": Upgrade(
        exchange("ALTER VIEW v RENAME {} TO {}", "n", "m"),
        "The columns public.v.m, public.v.n have exchanged their names",
    ),
    "attributes_of_a_type": Upgrade(
        exchange("ALTER TYPE pair RENAME ATTRIBUTE {} TO {}", "a", "b"),
        "The columns public.pair.a, public.pair.b have exchanged their names",
    ),
    "and_back_in_a_loop": Upgrade(
        'for _ in range(2):\n    for old, new in (("p", "r"), ("q", "p"), ("r", "q")):\n'
        '        op.execute(f"ALTER TABLE {old} RENAME TO {new}")',
        None,
    ),
    "labels": Upgrade(
        exchange("ALTER TYPE mood RENAME VALUE '{}' TO '{}'", "happy", "sad"),
        "The values 'happy', 'sad' of the enum public.mood have exchanged their names",
    ),
    "labels_of_a_new_type": Upgrade(NEW_TYPE, None),
    "and_back": Upgrade(f"{TABLES}\n{TABLES}", None),
    "for_a_moment": Upgrade('op.execute("ALTER TABLE p RENAME TO r")\nop.execute("ALTER TABLE r RENAME TO p")', None),
    "replaced": Upgrade(
        'op.execute("ALTER TABLE p RENAME TO r")\nop.execute("CREATE TABLE p (LIKE r)")\n'
        'op.execute("INSERT INTO p SELECT * FROM r")',
        None,
    ),
}


@pytest.mark.long
def test_exchanged_names_break_old_code(server: Server, history: History) -> None:
    """It is an error, although every name still exists and every statement of the old code runs."""
    history.add("first", None, f"op.execute({SETUP!r})")
    for name, upgrade in UPGRADES.items():
        history.add(name, "first", upgrade.body)
    report = analyzed(server, history.plain_ini(), "first:heads", rows=50)
    codes = {drop_or_rename_in_use.CODE, enum_value_removed.CODE}
    said = {
        item.trace.revision: [
            one.message for one in item.diagnostics if one.code in codes and "exchange" in one.message
        ]
        for item in report.revisions
    }

    assert {name: [message.partition(", so")[0] for message in messages] for name, messages in said.items()} == {
        name: [upgrade.said] if upgrade.said else [] for name, upgrade in UPGRADES.items()
    }


@pytest.mark.long
@pytest.mark.parametrize("body", [TABLES, COLUMNS])
def test_a_downgrade_that_leaves_names_exchanged_is_not_exact(server: Server, history: History, body: str) -> None:
    """Not even where the made-up rows of both are alike, alone and in a range; one that exchanges them back is."""
    history.add("first", None, "op.execute('CREATE TABLE p (flag bool, other bool); CREATE TABLE q (LIKE p)')")
    history.add("forgotten", "first", body, "op.execute('SELECT 1')")
    history.add("undone", "forgotten", body, body)
    asked = VerificationRequest("first:undone", "round-trip", certificates=history.folder.parent / "c.json")
    forgotten, undone = verified(server, history.plain_ini(), asked, rows=0).proofs

    assert forgotten.trip is not None
    assert {change.kind for change in forgotten.trip.data.losses} == {DataChangeKind.EXCHANGED}
    assert forgotten.failed
    assert not undone.failed
    assert undone.certificate is not None
