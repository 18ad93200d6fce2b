"""Each check, with a proof that it speaks of and one that it does not."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.analysis.revision_analysis import analyze
from domain.migration.analysis.rules import all_rules
from domain.migration.compatibility import ApplicationStatement, BrokenStatement, Compatibility
from domain.migration.diagnostic import Severity
from domain.migration.locks import LockMode
from domain.migration.snapshot import AttributeChange, SchemaDifference, SchemaSnapshot
from domain.migration.trace import RevisionTrace
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Declaration, RoundTrip
from domain.migration.verification.verdict import judge_proof
from tests.unit.domain.migration.traces import BASE, USERS, changed, column, index, revision, step, without


def said(proof: RevisionProof, declaration: Declaration | None = None) -> list[tuple[str, Severity]]:
    """What checks say of a proof, by code and severity."""
    return [(one.code, one.severity) for one in judge_proof(proof, declaration or Declaration())]


def proved(trace: RevisionTrace, **more: Any) -> RevisionProof:
    """A revision with what was proved of it; only the rules that a test asks for have judged it."""
    return RevisionProof(analyze(trace, rules=more.pop("rules", ())), **more)


def broken(sqlstate: str = "42703", error: str = "no", *, recorded: bool = False, **more: Any) -> Compatibility:
    """One statement of the code before that fails."""
    statement = ApplicationStatement("INSERT INTO users", USERS, recorded=recorded)
    return Compatibility(3, (BrokenStatement(statement, error, sqlstate, **more),))


def test_old_code_that_fails_is_an_error_except_in_a_contract() -> None:
    """Where it fails only because it was prepared before, it is another check that says so."""
    trace = revision(step("ALTER"))
    assert said(proved(trace, old_code=broken())) == [("breaks-old-code", Severity.ERROR)]
    contract = replace(trace, docstring="x\n\nPhase: contract")
    assert said(proved(contract, old_code=broken())) == [("breaks-old-code", Severity.WARNING)]
    expand = replace(trace, docstring="x\n\nPhase: expand")
    assert said(proved(expand, old_code=broken())) == [("breaks-old-code", Severity.ERROR)]
    undeclared = replace(trace, after=SchemaSnapshot(without(BASE, f"{USERS}.name")))
    assert said(proved(undeclared, old_code=broken())) == [("breaks-old-code", Severity.ERROR)]
    prepared = said(proved(trace, old_code=broken(when_prepared=True)))
    assert [code for code, _ in prepared] == ["breaks-prepared-statements"]
    assert said(proved(trace, old_code=Compatibility(3))) == []


@pytest.mark.parametrize(
    ("sqlstate", "recorded", "name", "severity"),
    [
        ("23502", False, "email", Severity.WARNING),
        ("23502", False, "Full name", Severity.WARNING),
        ("23502", False, 'a"b', Severity.WARNING),
        ("23502", True, "email", Severity.ERROR),
        ("23502", False, "id", Severity.ERROR),
        ("23502", False, "new", Severity.ERROR),
        ("42703", False, "email", Severity.ERROR),
    ],
)
def test_a_null_that_was_made_up(sqlstate: str, recorded: bool, name: str, severity: Severity) -> None:
    """No application may have sent it to a column that took it; one that was recorded was sent."""
    quoted = {**column(f'{USERS}."Full name"'), **column(f'{USERS}."a""b"')}
    trace = revision(step("ALTER"), before={**BASE, **quoted, **column(f"{USERS}.id", not_null=True)})
    error = f'null value in column "{name}" of relation "users" violates not-null constraint'
    proof = proved(trace, old_code=broken(sqlstate, error, recorded=recorded, column=name))
    assert said(proof) == [("breaks-old-code", severity)]


@pytest.mark.parametrize(
    ("docstring", "asked", "rules", "blocks"),
    [
        ("x\n\nPhase: expand", True, True, True),
        ("x\n\nPhase: migrate", True, True, False),
        ("x", True, True, False),
        ("x\n\nPhase: expand", False, True, False),
        ("x\n\nPhase: expand", True, False, False),
    ],
)
def test_an_expand_may_not_block(docstring: str, asked: bool, rules: bool, blocks: bool) -> None:
    """Where that was declared, and the old code was tried."""
    build = step("CREATE INDEX ix ON users (email)", 1, LockMode.SHARE, indexes_built=("public.ix",))
    trace = revision(build, after={**BASE, **index("ix", USERS)}, docstring=docstring)
    old_code = Compatibility(3) if asked else None
    proof = proved(trace, old_code=old_code, rules=all_rules() if rules else ())
    assert ("expand-blocks" in {code for code, _ in said(proof)}) is blocks


def test_what_does_not_block_may_be_in_an_expand() -> None:
    """An error of another kind, and one that is suppressed."""
    drop = step("ALTER TABLE users DROP name", dropped=changed("table column", f"{USERS}.name"))
    expand = revision(drop, after=without(BASE, f"{USERS}.name"), docstring="x\n\nPhase: expand")
    proof = proved(expand, old_code=Compatibility(3), rules=all_rules())
    assert any(one.unsafe for one in proof.analysis.diagnostics)
    assert "expand-blocks" not in {code for code, _ in said(proof)}
    build = step("CREATE INDEX ix ON users (email)", 1, LockMode.SHARE, indexes_built=("public.ix",))
    suppressed = revision(
        build,
        after={**BASE, **index("ix", USERS)},
        docstring="x\n\nPhase: expand",
        safety_assured={"blocking-index-build": "small"},
    )
    proof = proved(suppressed, old_code=Compatibility(3), rules=all_rules())
    assert "expand-blocks" not in {code for code, _ in said(proof)}


@pytest.mark.parametrize(
    ("kinds", "changes"),
    [
        (("json", "jsonb", "json"), True),
        (("json", "json", "json"), False),
        (("jsonb", "json", "jsonb"), False),
        (("json", "jsonb", "jsonb"), False),
    ],
)
def test_json_that_was_jsonb_for_a_while(kinds: tuple[str, str, str], changes: bool) -> None:
    """Its text is another one then."""
    before, after, restored = ({**BASE, **column(f"{USERS}.name", kind)} for kind in kinds)
    trace = revision(step("ALTER"), before=before, after=after, restored=SchemaSnapshot(restored))
    codes_said = {code for code, _ in said(proved(trace, trip=RoundTrip(statements=1)))}
    assert ("json-text-changes" in codes_said) is changes
    assert "json-text-changes" not in {code for code, _ in said(proved(trace))}
    unknown = replace(trace, restored=None)
    assert "json-text-changes" not in {code for code, _ in said(proved(unknown, trip=RoundTrip(statements=1)))}


def test_a_refusal_is_declared() -> None:
    """With the message that it has, without the place in the file; a failure is no refusal."""
    trace = revision(step("DROP"))
    refused = proved(trace, trip=RoundTrip(refusal="the names are gone (a1.py, line 7)"))
    (undeclared,) = judge_proof(refused, Declaration())
    assert (undeclared.code, undeclared.fix) == ("undeclared-irreversible", 'irreversible = "the names are gone"')
    assert said(refused, Declaration(irreversible="the names are gone")) == []
    failed = proved(trace, trip=RoundTrip(refusal="no", failure="it broke"))
    assert "undeclared-irreversible" not in {code for code, _ in said(failed)}
    assert "undeclared-irreversible" not in {code for code, _ in said(proved(trace))}


def test_an_upgrade_that_fails_on_what_had_to_stay() -> None:
    """As a value of an enum has to, which Postgres cannot remove; other remains are the fault of the downgrade."""
    stays = SchemaDifference(changed=(AttributeChange(("type", "mood"), "values", ("a",), ("a", "b")),))
    trip = RoundTrip(statements=0, schema=stays, one_way=stays, not_again="value b exists")
    trace = revision(step("ALTER TYPE"))
    assert "upgrade-fails-again" in {code for code, _ in said(proved(trace, trip=trip))}
    for other in (
        replace(trip, not_again=None),
        replace(trip, one_way=SchemaDifference()),
        replace(trip, refusal="no"),
        replace(trip, failure="no"),
    ):
        assert "upgrade-fails-again" not in {code for code, _ in said(proved(trace, trip=other))}
    assert "upgrade-fails-again" not in {code for code, _ in said(proved(trace))}


def test_old_code_that_fails_names_its_table() -> None:
    """The diagnostic stands at the table of the statement, where the statement has one."""
    (found,) = judge_proof(proved(revision(step("ALTER")), old_code=broken()), Declaration())
    assert found.relation == USERS
