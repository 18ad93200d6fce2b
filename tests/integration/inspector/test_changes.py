"""The inspector tells every change of a schema apart."""

import psycopg
import pytest
from psycopg import sql

from adapter.outbound.migration.catalog.inspector import snapshot, snapshot_again
from adapter.outbound.migration.catalog.kinds import KINDS
from domain.migration.snapshot import SchemaSnapshot, compare
from tests.integration.inspector.change import Change
from tests.integration.inspector.changes import CHANGES
from tests.integration.inspector.schema import Connection


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_makes_a_difference_and_its_undo_none(
    connection: Connection, before: SchemaSnapshot, change: Change
) -> None:
    """Each kind of change is seen on the object it was made to, also by one who knows it, and is gone once undone.

    A server that is too old for a kind of change refuses it, so that there is nothing to see.
    """
    if connection.info.server_version // 10_000 < change.since:
        with pytest.raises((psycopg.errors.SyntaxError, psycopg.errors.FeatureNotSupported)):
            connection.execute(sql.SQL(change.sql))
        return
    _, known = snapshot_again(connection, {})
    connection.execute(sql.SQL(change.sql))
    after = snapshot(connection)
    assert snapshot_again(connection, known)[0].objects == after.objects
    difference = compare(before, after)
    if change.attribute is None:
        assert change.key in difference.missing + difference.unexpected
    else:
        assert (change.key, change.attribute) in {(one.key, one.attribute) for one in difference.changed}
    assert " ".join(change.key) in str(difference)
    assert before.digest() != after.digest()
    if change.undo is not None:
        connection.execute(sql.SQL(change.undo))
        # A column that came back stands last.
        assert str(compare(before, snapshot(connection), ignore={"position"})) == "no difference"


def test_every_kind_of_object_is_changed() -> None:
    """Each kind that the inspector reads is the subject of one of the changes above."""
    assert {kind.name for kind in KINDS} == {change.key[0] for change in CHANGES.values()}
