"""What a proof says of `infinity`, which no made-up row has."""

from domain.migration.verification.infinity import with_infinity
from tests.unit.domain.migration.traces import USERS, column, revision, step, table

BEFORE = {
    **table(USERS, "id"),
    **column(f"{USERS}.born", "date"),
    **column(f"{USERS}.seen", "timestamp with time zone"),
}


def test_a_conversion_of_dates_was_not_tried_on_infinity() -> None:
    """A column that gets another type, or goes where another one comes, is named; one that stays is not."""
    converted = {**BEFORE, **column(f"{USERS}.born", "text")}
    replaced = {**table(USERS, "id", "born_text"), **column(f"{USERS}.seen", "timestamp with time zone")}
    reason = "'infinity', '-infinity': drivers of Python cannot read them"

    assert with_infinity(revision(step("ALTER"), before=BEFORE, after=converted)) == {f"{USERS}.born": reason}
    assert with_infinity(revision(step("ALTER"), before=BEFORE, after=replaced)) == {f"{USERS}.born": reason}
    assert with_infinity(revision(step("ALTER"), before=BEFORE)) == {}
    known = revision(step("ALTER"), before=BEFORE, after=converted, unmade_edges={f"{USERS}.born": "NULL: check c"})
    assert with_infinity(known) == {f"{USERS}.born": f"NULL: check c; {reason}"}
