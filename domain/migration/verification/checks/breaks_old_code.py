"""A statement that the code before sends fails after the upgrade.

See the rule of the same code.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from domain.migration.analysis.rules import breaks_old_code
from domain.migration.compatibility import BrokenStatement
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import attributes
from domain.migration.trace import RevisionTrace
from domain.migration.verification.phase import is_contract, tried
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

CODE = breaks_old_code.CODE
SEVERITY = Severity.ERROR
BAD = breaks_old_code.BAD
GOOD = breaks_old_code.GOOD
_NULL_COLUMN = re.compile(r'null value in column "([^"]+)"')


def check(proof: "RevisionProof", _: Declaration) -> Iterator[Diagnostic]:
    """Report them; only a contract may break what ran before."""
    for one in proof.old_code.broken if proof.old_code is not None else ():
        if not one.when_prepared:
            strict = not (is_contract(proof) or _is_tightened(proof.analysis.trace, one))
            advice = (
                "Make sure that no deployed code sends it any more."
                if is_contract(proof)
                else "Do it when no deployed code uses it any more, in a revision whose docstring says "
                "`Phase: contract`."
            )
            severity = SEVERITY if strict else Severity.WARNING
            yield Diagnostic(CODE, severity, None, one.statement.table, tried(one), advice)


def _is_tightened(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether a made-up NULL fails in a column that was there and took it before."""
    found = _NULL_COLUMN.search(broken.error) if broken.sqlstate == "23502" and not broken.statement.recorded else None
    column = attributes(trace.before, "column", f"{broken.statement.table}.{found[1]}") if found else {}
    return bool(column) and not column.get("not_null")
