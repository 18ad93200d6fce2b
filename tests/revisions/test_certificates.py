"""The certificates of this project's revisions are of the files as they are."""

import hashlib
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from adapter.outbound.migration.rows import ROWS_SEED
from domain.migration.verification.certificate import from_json, outdated
from domain.migration.verification.proof import Proof
from tests.support import PROJECT_ROOT, alembic_config

FILE = PROJECT_ROOT / "adapter" / "outbound" / "database" / "alembic" / "certificates.json"


@pytest.mark.parametrize("major", [18, 16])
def test_every_revision_is_certified(major: int) -> None:
    """No revision has changed since it was proved; `migrate verify --pg 18`, and 16, prove it again."""
    certificates = [one for one in from_json(FILE.read_text(encoding="utf-8")) if one.postgres == major]
    script = ScriptDirectory.from_config(alembic_config("postgresql://nowhere/none"))
    with_hash = {
        revision.revision: hashlib.sha256(Path(revision.path).read_bytes()).hexdigest()
        for revision in script.walk_revisions()
    }

    assert outdated(certificates, with_hash, postgres=major, rows=200, seed=ROWS_SEED) == {}
    assert {name for one in certificates for name in one.proofs} >= {proof.value for proof in Proof}
