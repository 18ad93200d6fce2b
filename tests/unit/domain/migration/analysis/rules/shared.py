"""What tests of several rules start from, and the one diagnostic that they look at."""

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Diagnostic
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from tests.unit.domain.migration.traces import BASE, USERS, constraint, index, step

EXCLUSIVE, SHARE = LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE
LIGHT = LockMode.SHARE_UPDATE_EXCLUSIVE
IX = {**BASE, **index("ix", USERS)}
BUILD = step("CREATE INDEX ix ON users (email)", 1, SHARE, indexes_built=("public.ix",), scanned={USERS: 2000})
CHECK = constraint(f"{USERS}.ck_email", "check", "CHECK ((email <> ''::text))")
HNSW = index("ix", USERS, "hnsw (embedding vector_l2_ops)")
EMBEDDING = f"{USERS}.embedding"


def diagnostic(trace: RevisionTrace, code: str, statistics: Statistics | None = None) -> Diagnostic:
    """The one diagnostic of a code."""
    judged = judge(trace, statistics or Statistics.unknown(), all_rules())
    (only,) = (candidate for candidate in judged if candidate.code == code)
    return only
