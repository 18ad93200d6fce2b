"""What was seen of the way there and back, put together."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.analysis.revision_analysis import analyze
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.errors import UnknownNameError
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot, compare
from domain.migration.trace import RevisionTrace, TableFacts
from domain.migration.verification.declarations import proposal, staying
from domain.migration.verification.proof import Again, Proof, RevisionProof, round_trip
from domain.migration.verification.round_trip import Reversibility, RoundTrip
from domain.migration.verification.rows_there import CAUSE
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, column, revision, step, table, without

PLAN = {**BASE, **column(f"{USERS}.plan")}
ADD = step("ALTER TABLE users ADD COLUMN plan text", line=12)
UNDONE = revision(ADD, after=PLAN, downgrade=(step("ALTER TABLE users DROP COLUMN plan", count=2), step("SELECT 1")))


def trip(trace: RevisionTrace, again: Again | None = None) -> RoundTrip:
    """The round trip of an upgrade that ran."""
    seen = round_trip(trace, again)
    assert seen is not None
    return seen


def test_an_upgrade_that_failed_has_no_round_trip() -> None:
    """Nor one of which nobody knows what was there before."""
    assert round_trip(replace(UNDONE, after=None), None) is None
    assert round_trip(replace(UNDONE, before=None), None) is None


def test_a_way_there_and_back() -> None:
    """Statements are counted with their repetitions, and nothing differs."""
    seen = trip(UNDONE)
    assert (seen.statements, seen.failure, seen.refusal, seen.repair) == (3, None, None, None)
    assert seen.reversibility is Reversibility.EXACT
    assert dict(seen.causes) == {}


def test_a_refusal() -> None:
    """It is no failure."""
    refused = replace(UNDONE, downgrade_error="the values are gone", downgrade=(), restored=None)
    assert (trip(refused).refusal, trip(refused).failure) == ("the values are gone", None)


def test_a_downgrade_that_failed_is_named_with_its_statement() -> None:
    """By number, line and text; without a statement by the error, or that there is none."""
    failing = step("DROP INDEX iy", line=15, error="it does not exist", sqlstate="42704")
    facts: dict[str, Any] = {"downgrade_error": "it does not exist", "restored": None}
    seen = trip(replace(UNDONE, downgrade=(step("SELECT 1"), failing), **facts))
    assert seen.failure == "statement 2 of the downgrade (line 15: DROP INDEX iy): it does not exist"
    seen = trip(replace(UNDONE, downgrade=(replace(failing, line=None),), **facts))
    assert seen.failure == "statement 1 of the downgrade (DROP INDEX iy): it does not exist"
    for error, said in (("KeyError: x", "KeyError: x"), (None, "the downgrade did not end")):
        seen = trip(replace(UNDONE, downgrade=None, downgrade_error=error, restored=None))
        assert seen.failure == said
    assert seen.repair is not None
    assert seen.repair.steps == ('op.drop_column("users", "plan")',)


def test_a_downgrade_that_broke_off_has_failed_even_where_a_catalog_is_known() -> None:
    """What it left is not what it would have led to."""
    seen = trip(replace(UNDONE, downgrade_error="KeyError: x", restored=SchemaSnapshot(BASE)))
    assert seen.failure == "KeyError: x"


def test_what_is_left_is_said_with_the_statement_behind_it() -> None:
    """And with the code that would have undone it."""
    seen = trip(replace(UNDONE, restored=SchemaSnapshot(PLAN)))
    assert [key[1] for key in seen.schema.unexpected] == [f"{USERS}.plan"]
    assert dict(seen.causes) == {f"{USERS}.plan": "line 12: ALTER TABLE users ADD COLUMN plan text"}
    assert seen.repair is not None
    unknown = replace(UNDONE, upgrade=(step("SELECT 1"),), restored=SchemaSnapshot(PLAN))
    assert dict(trip(unknown).causes) == {}


def test_the_second_upgrade() -> None:
    """Its failure counts, except behind a downgrade that does nothing, where it is a matter of course."""
    assert trip(UNDONE, Again(failure="it exists")).failure == "it exists"
    assert trip(UNDONE, Again(failure="it exists")).not_again is None
    silent = replace(UNDONE, downgrade=(), restored=SchemaSnapshot(PLAN))
    assert trip(silent, Again(failure="it exists")).failure is None
    assert trip(silent, Again(failure="it exists")).not_again == "it exists"
    nothing = replace(UNDONE, downgrade=())
    assert trip(nothing, Again(failure="no")).failure == "no"
    difference = SchemaDifference(missing=(("index", "public.ix"),))
    rows = DataDifference((DataChange(USERS, DataChangeKind.ROWS_GONE, 3),))
    seen = trip(UNDONE, Again(schema=difference, data=rows))
    assert (seen.schema_again, seen.data_again) == (difference, rows)


def test_rows_that_differ_after_the_downgrade() -> None:
    """Those of the trace, and those that the downgrade takes from rows that were there before the upgrade."""
    gone = DataChange(f"{USERS}.name", DataChangeKind.VALUES_GONE, 3)
    there = DataChange(ORDERS, DataChangeKind.ROWS_GONE, 3)
    seen = trip(replace(UNDONE, undone=DataDifference((gone,))), Again(there=DataDifference((there,))))
    assert seen.data.changes == (gone, there)
    assert seen.causes[ORDERS] == CAUSE
    assert trip(UNDONE).data.changes == ()


def test_renames_that_the_rows_show_are_undone_as_such() -> None:
    """Of a table, and of a column within it, where no statement tells."""
    kept_table = DataChange(ORDERS, DataChangeKind.TABLE_RENAMED, other="public.sales")
    kept_column = DataChange(f"{ORDERS}.user_id", DataChangeKind.COLUMN_RENAMED, other="buyer")
    changed_values = DataChange(f"{USERS}.name", DataChangeKind.VALUES_CHANGED, other="x")
    gone = [key[1] for key in BASE if key[1].startswith(ORDERS)]
    left = SchemaSnapshot({**without(BASE, *gone), **table("public.sales", "id", "buyer")})
    undone = DataDifference((kept_table, kept_column, changed_values))
    trace = replace(UNDONE, after=left, restored=left, undone=undone)
    repair = trip(trace).repair
    assert repair is not None
    assert repair.steps == (
        'op.alter_column("sales", "buyer", new_column_name="user_id")',
        'op.rename_table("sales", "orders")',
    )


def judged(code: str, severity: Severity, seen: RoundTrip | None) -> RevisionProof:
    """A proof with one diagnostic."""
    diagnostic = Diagnostic(code, severity, None, None, "x", "y")
    return RevisionProof(analyze(UNDONE, rules=()), trip=seen, diagnostics=(diagnostic,))


EXACT, LOSSY = RoundTrip(statements=1), RoundTrip(statements=1, schema=SchemaDifference(missing=(("index", "ix"),)))


def test_a_proof_fails_on_an_error() -> None:
    """Not on a warning."""
    assert judged("x", Severity.ERROR, EXACT).failed
    assert not judged("x", Severity.WARNING, EXACT).failed


@pytest.mark.parametrize(
    ("code", "severity", "seen", "not_seen"),
    [
        ("not-seen-at-work", Severity.WARNING, EXACT, True),
        ("loss-not-seen", Severity.WARNING, EXACT, True),
        ("not-seen-at-work", Severity.NOTE, EXACT, False),
        ("other", Severity.WARNING, EXACT, False),
        ("not-seen-at-work", Severity.WARNING, LOSSY, False),
        ("not-seen-at-work", Severity.WARNING, None, False),
    ],
)
def test_what_was_not_seen_at_work_proves_nothing(
    code: str, severity: Severity, seen: RoundTrip | None, not_seen: bool
) -> None:
    """Where all else would be exact; a loss that was seen is one."""
    assert judged(code, severity, seen).not_seen is not_seen


def test_what_stays_can_be_declared() -> None:
    """With a reason; an empty one is none."""
    before, after = ({**BASE, ("type", "mood"): {"kind": "enum", "values": values}} for values in (("a",), ("a", "b")))
    for reason, suppressed in (("later", "later"), ("", None)):
        trace = revision(step("ADD VALUE"), before=before, after=after, lossy_downgrade={"mood": reason})
        difference = compare(SchemaSnapshot(before), SchemaSnapshot(after))
        (stays,) = staying("downgrade-differs", trace, difference)
        assert stays.suppressed_reason == suppressed


def test_the_declaration_names_what_stays_where_both_catalogs_are_known() -> None:
    """Without the catalog after the downgrade, nobody knows what stays: only the lost values are named."""
    before, after = ({**BASE, ("type", "mood"): {"kind": "enum", "values": values}} for values in (("a",), ("a", "b")))
    lost = DataDifference((DataChange(f"{USERS}.name", DataChangeKind.VALUES_GONE, 3),))
    trace = revision(step("ADD VALUE"), before=before, after=after, undone=lost, restored=SchemaSnapshot(after))
    name = f'"{USERS}.name": "why nobody needs it"'
    assert proposal(trace) == f'lossy_downgrade = {{{name}, "mood": "Postgres cannot undo it"}}\n'
    assert proposal(replace(trace, restored=None)) == f"lossy_downgrade = {{{name}}}\n"


def test_an_exact_round_trip_without_rows_proves_nothing() -> None:
    """A revision that refused the made-up rows is proved if other rows were there, and not on empty tables."""
    refused = replace(UNDONE, refused_rows="no JSON")
    empty = replace(refused, tables={USERS: TableFacts(0, 0)})
    for trace, not_seen in ((UNDONE, False), (refused, False), (empty, True)):
        assert RevisionProof(analyze(trace, rules=()), trip=trip(trace)).not_seen is not_seen


def test_proofs_are_read_from_a_list() -> None:
    """Names of proofs are separated by commas, with blanks or without; an unknown one is refused with those known."""
    assert Proof.listed("round-trip, compat,") == (Proof.ROUND_TRIP, Proof.COMPATIBILITY)
    assert Proof.listed("") == ()
    with pytest.raises(UnknownNameError, match="there is no proof 'again'") as caught:
        Proof.listed("repeat,again")
    assert caught.value.hint == "there are round-trip, repeat, compat"
