"""The rule `schema-and-data-together`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.locks import LockMode
from domain.migration.trace import TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step, updated


def test_a_sentence_names_few_of_many_tables() -> None:
    """Of a dozen tables that are locked meanwhile, the first ones are named, and the others are counted."""
    names = [f"public.t{number:02}" for number in range(12)]
    locks = dict.fromkeys(names, EXCLUSIVE)
    trace = revision(
        step("LOCK TABLE t00, t01", locks=locks),
        step("UPDATE users SET email = ''", rows=updated()),
        tables={name: TableFacts(2000, 100_000) for name in (*names, USERS)},
    )
    message = diagnostic(trace, "schema-and-data-together").message
    assert "reads and writes of public.t00, public.t01 wait" in message
    assert "public.t02" not in message
    assert message.endswith("and so do those of 10 other tables.")


def test_schema_and_data_together() -> None:
    """An UPDATE after ADD COLUMN runs under ACCESS EXCLUSIVE; in the next transaction, in batches, it does not."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    write = step("UPDATE users SET plan = 'free'", 1, rows=updated(), scanned={USERS: 2000})
    after = {**BASE, **column(f"{USERS}.plan")}
    found = codes(revision(add, write, after=after))
    assert found == {"schema-and-data-together": "error", "unbatched-write": "error"}
    batch = replace(write, transaction=None, count=4, locks={USERS: LockMode.ROW_EXCLUSIVE})
    assert codes(revision(add, batch, after=after)) == {}
