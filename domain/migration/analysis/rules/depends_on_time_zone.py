"""The effect of the upgrade or of the downgrade depends on the session's TimeZone.

A change between `timestamp` and `timestamptz` is a change of the catalog only if the session's TimeZone is UTC. In any
other zone Postgres rewrites the whole table under ACCESS EXCLUSIVE, and reads and writes wait (manual, "Release Notes",
12). The server, the database and the role can each set the zone. `--target-url` or `--stats` bring the target's setting
into the sandbox. Without them the upgrade and the downgrade run a second time in another zone. Where clocks change, a
year has local times that do not exist and some that come twice, and a downgrade does not bring these back. If the
stored values are in UTC, the safe way is to set the zone in the revision, in both directions:

    op.execute("SET LOCAL TimeZone = 'UTC'")
    op.alter_column("users", "seen_at", type_=sa.DateTime(timezone=True))
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label, listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.op_code import revised
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, ZoneRun

CODE = "depends-on-time-zone"
SEVERITY = Severity.WARNING
_SETUP = USERS + "ALTER TABLE users ADD COLUMN seen_at timestamp;"
_TIMEOUT = "op.execute(\"SET LOCAL lock_timeout = '2s'\")\n"
_ZONE = "op.execute(\"SET LOCAL TimeZone = 'UTC'\")\n"
_CHANGE = 'op.alter_column("users", "seen_at", type_=sa.DateTime(timezone=True))'
_BACK = 'op.alter_column("users", "seen_at", type_=sa.DateTime())'
BAD = Example(_SETUP, _TIMEOUT + _CHANGE, _BACK)
GOOD = Example(_SETUP, _TIMEOUT + _ZONE + _CHANGE, _ZONE + _BACK)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that act differently in another zone, and settings of the target that the sandbox refused."""
    for name, value in trace.refused_settings.items():
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The sandbox cannot set {name} = {value!r} as the target does, so the revision was judged without it.",
            "Try the revision on a copy of the database, on the target's own server.",
        )
    for name, sentence in trace.lost_in_other_zone.items():
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            name if name in trace.tables else split(name)[0],
            f"The downgrade does not restore every value: {sentence}.",
            "If the stored values are in UTC, set the TimeZone to UTC in the upgrade and in the downgrade.",
        )
    run = trace.other_zone
    if run is None:
        return
    for index, (own_statement, other_statement) in enumerate(zip(trace.upgrade, run.upgrade, strict=False)):
        if own_statement.sql == other_statement.sql and (difference := _difference(trace, index, run)):
            tables = sorted(({*own_statement.rewritten} ^ {*other_statement.rewritten}) & trace.tables.keys())
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                tables[0] if tables else None,
                f"{label(trace, index)} {difference}. The TimeZone of the target is not known.",
                "Name the target with --target-url or --stats. If the stored values are in UTC, set the TimeZone to "
                "UTC before the change. Otherwise add a new column, fill it in batches, and switch over.",
                _fix(trace),
            )


def _fix(trace: RevisionTrace) -> str:
    """Return operations that set the zone before the change, and before what gives it back."""
    change = f"{_ZONE}# then the change"
    return revised(change, _ZONE + "...  # then what is there now") if trace.downgrade else change


def _difference(trace: RevisionTrace, statement: int, run: ZoneRun) -> str:
    """Return what a statement does in one zone and not in the other; empty where both are the same."""
    own_statement, other_statement = trace.upgrade[statement], run.upgrade[statement]
    if (own_statement.error is None) != (other_statement.error is None):
        fails = run.there if other_statement.error else run.here
        return f"fails where the session's TimeZone is {fails}: {other_statement.error or own_statement.error}"
    pairs = (
        (run.there, run.here, other_statement, own_statement),
        (run.here, run.there, own_statement, other_statement),
    )
    for zone, other_zone, statement_in_zone, statement_in_other in pairs:
        tables = sorted(({*statement_in_zone.rewritten} - {*statement_in_other.rewritten}) & trace.tables.keys())
        if tables:
            return (
                f"rewrites {listed(tables)} under ACCESS EXCLUSIVE where the session's TimeZone is {zone}, and only "
                f"changes the catalog where it is {other_zone}"
            )
    return ""
