"""The rule `catalog-written`: whose writes to catalogs count."""

from typing import Any

import pytest

from domain.migration.trace import ChangedObject
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import codes, revision, step

EXTENSION = (ChangedObject("extension", "cube"),)
CODE = "catalog-written"


@pytest.mark.parametrize("changed", [{"created": EXTENSION}, {"altered": EXTENSION}], ids=["created", "updated"])
def test_the_script_of_an_extension_amends_its_own_objects(changed: dict[str, Any]) -> None:
    """It may write the catalogs of functions, types and operators, and no other."""
    own = step("CREATE EXTENSION cube", catalogs=("pg_proc", "pg_type"), **changed)
    other = step("CREATE EXTENSION cube", catalogs=("pg_proc", "pg_constraint"), **changed)
    assert CODE not in codes(revision(own))
    assert "writes pg_constraint itself" in diagnostic(revision(other), CODE).message


def test_the_catalogs_of_a_statement_by_hand_are_named() -> None:
    """Whatever catalog it is."""
    write = step("UPDATE pg_proc SET procost = 1", catalogs=("pg_depend", "pg_proc"))
    found = diagnostic(revision(step("SELECT 1"), write), CODE)
    assert "writes pg_depend, pg_proc itself" in found.message
    assert (found.statement, found.relation) == (1, None)
    assert CODE not in codes(revision(step("SELECT 1")))
