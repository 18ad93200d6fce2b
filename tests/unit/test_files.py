"""What holds of every file of Python: each is short, and so is the file in the middle."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.support import PROJECT_ROOT

_FOLDERS = ("adapter", "application", "benchmarks", "domain", "tests")
_LONGEST = 400  # lines
_MEDIAN = 80


def _files() -> Iterator[Path]:
    for folder in _FOLDERS:
        yield from (PROJECT_ROOT / folder).rglob("*.py")


def test_files_are_short() -> None:
    """A file of more lines has several subjects, and is cut along them."""
    lines = {str(path.relative_to(PROJECT_ROOT)): len(path.read_text().splitlines()) for path in _files()}

    assert {path: count for path, count in lines.items() if count > _LONGEST} == {}
    assert statistics.median(lines.values()) < _MEDIAN
