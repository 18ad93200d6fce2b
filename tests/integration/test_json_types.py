"""Rows with the JSON keys that a statement looks for have values of several JSON types there."""

import json
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.verify import VerificationRequest
from adapter.outbound.migration.rows import Statement, fill, fill_matching
from application.migration.verify import VerificationReport
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

ROWS = 200
MOVED = "UPDATE users SET theme = js ->> 'theme', js = js - 'theme' WHERE js ? 'theme'"
GIVEN_BACK = "UPDATE users SET js = js || jsonb_build_object('theme', theme) WHERE theme IS NOT NULL"


@pytest.mark.parametrize("edges", [True, False])
def test_looked_for_keys_have_values_of_several_types(empty_url: str, *, edges: bool) -> None:
    """Beside texts there are a number, null, true, an object and an array; without edges there are none of them."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id serial PRIMARY KEY, js jsonb, theme text)")
        fill(connection, ROWS)
        plan: Any = connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {MOVED}".encode()).fetchone()
        plan = plan[0] if not isinstance(plan[0], str) else json.loads(plan[0])
        assert fill_matching(connection, [Statement(MOVED, plan[0]["Plan"])], ROWS, edges=edges).rows
        types = connection.execute(
            "SELECT DISTINCT jsonb_typeof(js -> 'theme') FROM users WHERE js ? 'theme' ORDER BY 1"
        ).fetchall()

    others = ["array", "boolean", "null", "number", "object"] if edges else []
    assert [name for (name,) in types] == [*others, "string"]


def _verified(server: Server, history: History, column: str) -> VerificationReport:
    history.add("first", None, 'op.execute("CREATE TABLE users (id serial PRIMARY KEY, js jsonb)")')
    history.add(
        "moved",
        "first",
        f'op.execute("ALTER TABLE users ADD COLUMN theme {column}")\nop.execute("{MOVED}")',
        f'op.execute("{GIVEN_BACK}")\nop.execute("ALTER TABLE users DROP COLUMN theme")',
    )
    config = history.plain_ini()
    asked = VerificationRequest("first:heads", "round-trip", certificates=config.parent / "c.json")
    return verified(server, config, asked, rows=ROWS)


@pytest.mark.long
@pytest.mark.one_major
def test_a_type_that_is_not_given_back_is_a_loss(server: Server, history: History) -> None:
    """A key that becomes a column of text and a key again is not exact: 3 comes back as "3", and null not at all."""
    (proof,) = _verified(server, history, "text").proofs

    assert {diagnostic.code for diagnostic in proof.diagnostics} == {"undeclared-loss"}
    assert proof.trip is not None
    assert [*proof.trip.losses] == ["public.users.js"]


@pytest.mark.long
@pytest.mark.one_major
def test_documents_that_a_revision_refuses_are_no_failure(server: Server, history: History) -> None:
    """A revision that takes only texts is judged on texts, with a warning that rows must fit."""
    (proof,) = _verified(
        server, history, "text NOT NULL DEFAULT 'dark' CHECK (length(theme) > 4 OR theme = 'dark')"
    ).proofs

    severities = {diagnostic.code: diagnostic.severity.value for diagnostic in proof.diagnostics}
    assert severities["rows-must-fit"] == "warning"
    assert "upgrade-fails" not in severities
    assert proof.analysis.trace.matched


KEYS = """
CREATE TABLE docs (id int PRIMARY KEY, js jsonb NOT NULL);
CREATE TABLE texts (js json);
CREATE TABLE objects (id int PRIMARY KEY, js jsonb NOT NULL CHECK (jsonb_typeof(js) = 'object'))
"""
_ADDED, _REMOVED = """js || '{"k": 1}'""", "js - 'k'"


@pytest.mark.long
@pytest.mark.one_major
def test_only_values_that_are_no_objects_are_lost(server: Server, history: History) -> None:
    """A key that is added and taken away again is lost in null and arrays only, which is not known of real rows.

    Where objects change as well, it is a loss; where a CHECK lets in objects only, one may have had the key before.
    """
    upgrades = {
        "docs": (f"UPDATE docs SET js = {_ADDED}", f"UPDATE docs SET js = {_REMOVED}"),
        "texts": (
            f"UPDATE texts SET js = (js::jsonb {_ADDED[2:]})::json",
            f"UPDATE texts SET js = (js::jsonb {_REMOVED[2:]})::json",
        ),
        "objects": (f"UPDATE objects SET js = {_ADDED}", f"UPDATE objects SET js = {_REMOVED}"),
        "replaced": (f"UPDATE docs SET js = {_ADDED[6:]}", f"UPDATE docs SET js = {_REMOVED}"),
    }
    parent = "first"
    history.add(parent, None, f"op.execute({KEYS!r})")
    for name, (upgrade, downgrade) in upgrades.items():
        history.add(name, parent, f"op.execute(sa.text({upgrade!r}))", f"op.execute(sa.text({downgrade!r}))")
        parent = name
    config = history.plain_ini()
    asked = VerificationRequest("first:replaced", "round-trip", certificates=config.parent / "c.json")
    proofs = verified(server, config, asked, rows=ROWS).proofs

    assert [(proof.failed, proof.not_seen, proof.certificate is not None) for proof in proofs] == [
        (False, True, False),
        (False, True, False),
        (False, True, False),
        (True, False, False),
    ]
    assert "if there are any" in proofs[0].diagnostics[0].message
    assert "every JSON object of the sandbox comes back as it was" in proofs[1].diagnostics[0].message
    severities = [
        [diagnostic.severity.value for diagnostic in item.diagnostics if diagnostic.code == "lossy-downgrade"]
        for item in analyzed(server, config, "first:replaced", rows=ROWS).revisions
    ]
    assert severities == [["warning"], ["warning"], ["warning"], ["error"]]
