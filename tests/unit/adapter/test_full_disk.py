"""Whether a disk is full."""

from pathlib import Path

from adapter.outbound.postgres.full_disk import has_no_room


def test_a_folder_that_is_gone_is_on_no_full_disk(tmp_path: Path) -> None:
    """Of a removed data directory nothing is known but what its server wrote."""
    assert not has_no_room(tmp_path / "gone")
    assert has_no_room(tmp_path / "gone", "could not write: No space left on device")
