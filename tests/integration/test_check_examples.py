"""Each check's own examples, run on a real server: the bad one is found, the good one is not and gets a certificate."""

from pathlib import Path

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Severity
from domain.migration.verification.checks import all_checks
from domain.migration.verification.proof import RevisionProof
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

CHECKS = {check.code: check for check in all_checks() if check.bad is not None}
OF_NO_REVISION = {"applied-revision-changed", "not-judged", "second-upgrade-changes"}


def test_every_check_that_a_revision_can_show_has_examples() -> None:
    """The others are about env.py, the target, or a revision before."""
    assert {check.code for check in all_checks()} - CHECKS.keys() == OF_NO_REVISION


def _proof(server: Server, example: Example, folder: Path) -> RevisionProof:
    folder.mkdir()
    history = History(folder)
    statements = [part.strip() for part in example.setup.split(";") if part.strip()]
    history.add("r1", None, "\n".join(f"op.execute(sa.text({part!r}))" for part in statements))
    history.add("r2", "r1", example.upgrade, example.downgrade)
    path = next(history.folder.glob("r2.py"))
    text = path.read_text(encoding="utf-8") + f"\n{example.declarations}\n"
    if example.phase:
        text = text.replace('"""', f'"""Phase: {example.phase}\n\n', 1)
    path.write_text(text, encoding="utf-8")
    asked = VerificationRequest("r2", "round-trip,repeat,compat", certificates=folder / "c.json")
    (proof,) = verified(server, history.plain_ini(), asked, rows=200).proofs
    return proof


@pytest.mark.long
@pytest.mark.some(7)
@pytest.mark.parametrize("code", CHECKS)
def test_examples(code: str, server: Server, tmp_path: Path) -> None:
    """The check speaks of its bad example with its severity, and not of its good one."""
    check = CHECKS[code]
    assert check.bad is not None
    assert check.good is not None
    bad = _proof(server, check.bad, tmp_path / "bad")
    found = [one for one in bad.diagnostics if one.code == code]
    assert found, [str(one) for one in bad.diagnostics]
    assert check.severity in {one.severity for one in found}
    assert bad.failed or check.severity is not Severity.ERROR
    good = _proof(server, check.good, tmp_path / "good")
    assert code not in {one.code for one in good.diagnostics}, [str(one) for one in good.diagnostics]
    assert not good.failed, [str(one) for one in good.diagnostics]
