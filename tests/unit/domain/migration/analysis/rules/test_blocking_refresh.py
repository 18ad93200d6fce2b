"""The rule `blocking-refresh`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.locks import LockMode
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, Objects, codes, revision, step


def test_blocking_refresh() -> None:
    """Nobody reads the view while its tables are; CONCURRENTLY takes EXCLUSIVE, under which reads go on."""
    view: Objects = {("view", "public.totals"): {"kind": "materialized view", "populated": True}}
    key: Objects = {
        ("index", "public.key"): {
            "table": "public.totals",
            "unique": True,
            "definition": "CREATE UNIQUE INDEX key ON public.totals USING btree (name)",
        }
    }
    both = {**BASE, **view, **key}
    refresh = step("REFRESH MATERIALIZED VIEW totals", locks={"public.totals": EXCLUSIVE}, scanned={USERS: 2000})
    trace = revision(refresh, before=both)
    assert codes(trace) == {"blocking-refresh": "error"}
    assert diagnostic(trace, "blocking-refresh").fix == 'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")\n'
    assert diagnostic(revision(refresh, before={**BASE, **view}), "blocking-refresh").fix is None
    lighter = replace(refresh, locks={"public.totals": LockMode.EXCLUSIVE})
    assert codes(revision(lighter, before=both)) == {}
