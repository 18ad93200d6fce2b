"""A manifest is read as it was written, and only older backups of the same database make room."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.migration.deployment.backup import (
    Backup,
    BackupScope,
    BrokenBackupError,
    LeftOutKey,
    Manifest,
    surplus,
)
from tests.unit.domain.migration.deployment.plans import TARGET

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
MANIFEST = Manifest(
    BackupScope.TOUCHED,
    TARGET,
    ("a1",),
    NOON,
    "pg_dump (PostgreSQL) 18.6",
    {"public.users": 3},
    {"dump/toc.dat": "00"},
    left_out=(LeftOutKey(1, "public.users", "fk", "FOREIGN KEY (a) REFERENCES b(id)"),),
    output="done",
    verified="1 table",
)


def test_manifest_is_read_as_written() -> None:
    """All that a manifest says survives its JSON; the address, which is no identity, as well."""
    read = Manifest.from_json(MANIFEST.to_json())

    assert read == MANIFEST
    assert read.target.address == TARGET.address
    assert (read.major, read.name) == (18, "shop-20261201T120000Z-touched")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "hexalembic.backup/1"}'])
def test_other_files_are_no_manifests(text: str) -> None:
    """What is no manifest is refused with one line and a remedy."""
    with pytest.raises(BrokenBackupError, match="manifest") as caught:
        Manifest.from_json(text)
    assert caught.value.hint
    with pytest.raises(BrokenBackupError, match="schema"):
        Manifest.from_json(MANIFEST.to_json().replace("backup/1", "backup/2"))


def test_older_backups_of_the_same_database_make_room() -> None:
    """Kept are the newest one and the latest of the others; a backup of another database is never removed."""
    backups = [Backup(f"b{hour}", replace(MANIFEST, taken_at=NOON + timedelta(hours=hour))) for hour in range(4)]
    other = Backup("other", replace(MANIFEST, target=replace(TARGET, database="other")))
    clone = Backup("clone", replace(MANIFEST, target=replace(TARGET, system_identifier="1")))
    everything = [*backups, other, clone]

    assert [backup.path for backup in surplus(everything, backups[3], keep=2)] == ["b1", "b0"]
    assert [backup.path for backup in surplus(everything, backups[0], keep=1)] == ["b3", "b2", "b1"]
    assert surplus(everything, backups[3], keep=9) == ()


def test_where_the_cluster_is_not_known_the_address_counts() -> None:
    """Two databases of one name on servers that hide their identifier are told apart by their addresses."""
    here = replace(MANIFEST, target=replace(TARGET, system_identifier=None))
    there = replace(here, target=replace(here.target, address="postgresql://other/shop"))

    assert here.is_of_same_database(here)
    assert not here.is_of_same_database(there)
