"""The rule `if-not-exists-keeps-invalid-index`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import IX
from tests.unit.domain.migration.traces import codes, revision, step


def test_if_not_exists_keeps_invalid_index() -> None:
    """IF NOT EXISTS is content with an invalid index, unless it was dropped before, or the revision looked for it."""
    build = step("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON users (email)", None, lock_timeout="0")
    assert codes(revision(build, after=IX)) == {"if-not-exists-keeps-invalid-index": "warning"}
    drop = step("DROP INDEX CONCURRENTLY IF EXISTS ix", None)
    assert codes(revision(drop, build, after=IX)) == {}
    look = step("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix')", None)
    assert codes(revision(look, build, after=IX)) == {}
