"""What differs between a database and its restored backup is told, and what a backup cannot have is no difference."""

from dataclasses import replace

import pytest

from domain.migration.deployment.backup import BackupScope, BrokenBackupError, LeftOutKey
from domain.migration.deployment.restored import differences, new_name, require_same, switch_over
from domain.migration.digest import ColumnDigest, DataDigest, TableDigest
from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.deployment.test_backup import MANIFEST
from tests.unit.domain.migration.traces import USERS, index, table

FULL = replace(MANIFEST, scope=BackupScope.FULL, left_out=())
SCHEMA = SchemaSnapshot(table(USERS, "id"))
KEY = {("constraint", f"{USERS}.fk"): {"type": "foreign key", "definition": "FOREIGN KEY …"}}


def rows(digest: int = 1, *, behind: frozenset[str] = frozenset(), last: int = 3) -> DataDigest:
    """A digest of one table with three rows and a sequence."""
    column = ColumnDigest(3, digest)
    return DataDigest({USERS: TableDigest(3, {"id": column}, key=1)}, {"public.s": last}, behind=behind)


def test_equal_states_have_no_difference() -> None:
    """A sequence that went on meanwhile, an invalid index and what belongs to the server are none."""
    live = SchemaSnapshot(
        {**table(USERS, "id"), **index("broken", USERS, valid=False), ("role", "owner"): {"login": True}}
    )

    assert differences(live, SCHEMA, rows(), rows(last=2), FULL) == []
    assert differences(None, None, None, None, FULL) == []


def test_each_difference_is_a_sentence() -> None:
    """Other values, a missing table, a sequence behind its column, and rows that could not be read."""
    unread = DataDigest({}, unread={USERS: "permission denied"})

    assert differences(SCHEMA, SchemaSnapshot({}), None, None, FULL) == [
        "table public.users is missing, with 1 object in it"
    ]
    assert len(differences(None, None, rows(1), rows(2), FULL)) == 1
    assert differences(None, None, rows(), rows(behind=frozenset({"public.s"})), FULL) == [
        "public.s is behind its column"
    ]
    assert "public.users was not read: permission denied" in differences(None, None, unread, unread, FULL)
    with pytest.raises(BrokenBackupError, match="a; b; c; d; e, and 1 more"):
        require_same(list("abcdef"), "a server")
    require_same([], "a server")


def test_only_a_key_that_is_left_out_may_be_missing() -> None:
    """A foreign key that refers to an empty table is left out of `touched`, and of nothing else."""
    live = SchemaSnapshot({**table(USERS, "id"), **KEY})
    touched = replace(MANIFEST, left_out=(LeftOutKey(1, USERS, "fk", "FOREIGN KEY …"),))

    assert differences(live, SCHEMA, None, None, touched) == []
    assert differences(live, SCHEMA, None, None, FULL) == [f"constraint {USERS}.fk is missing"]


def test_steps_never_overwrite() -> None:
    """A full backup takes the place by renames, touched rows are copied by hand, and a schema replaces nothing."""
    full = "\n".join(switch_over(FULL, 'odd"name'))
    assert 'ALTER DATABASE "odd""name" RENAME TO "shop";' in full
    assert "DROP" not in full
    assert "pg_dump --data-only --table=public.users" in "\n".join(switch_over(MANIFEST, "shop_old"))
    assert "RENAME" not in "\n".join(switch_over(replace(FULL, scope=BackupScope.SCHEMA), "shop_old"))


def test_a_new_name_is_short_enough() -> None:
    """Postgres cuts names after 63 bytes, also within a letter, so the moment would be lost."""
    long = replace(FULL, target=replace(FULL.target, database="ñ" * 60))

    assert new_name(FULL) == "shop_restored_20261201_120000"
    assert len(new_name(long).encode()) <= 63
    assert new_name(long).endswith("ñ_restored_20261201_120000")
