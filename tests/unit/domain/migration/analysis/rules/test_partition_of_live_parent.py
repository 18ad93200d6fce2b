"""The rule `partition-of-live-parent`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, codes, revision, step, table


def test_partition_of_live_parent() -> None:
    """PARTITION OF locks the parent: a warning; with a default partition to read it is an error."""
    after = {**BASE, **table("public.part", parents=(USERS,), partition_bound="FOR VALUES IN (1)")}
    create = step("CREATE TABLE part PARTITION OF users", 1, EXCLUSIVE, created=changed("table", "public.part"))
    assert codes(revision(create, after=after)) == {"partition-of-live-parent": "warning"}
    assert codes(revision(replace(create, scanned={ORDERS: 2000}), after=after)) == {
        "partition-of-live-parent": "error"
    }
    attach = replace(create, sql="ALTER TABLE users ATTACH PARTITION part", locks={USERS: LIGHT})
    assert codes(revision(attach, after=after)) == {}
