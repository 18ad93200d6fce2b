"""The upgrade fails, whatever the rows are.

The usual causes are an object that does not exist or exists already, a concurrent build inside a transaction, a type
that the operator class does not accept, and an error in Python. The safe way depends on the message. Concurrent builds
belong in an autocommit block:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "upgrade-fails"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)',
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report failures that no other rule explains."""
    for index, statement in failures(trace, Failure.OTHER):
        if statement.sqlstate == _CANCELED:
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                None,
                f"{label(trace, index)} ran longer than a statement may run in the sandbox: {statement.error}.",
                "A loop in it may never end, or it waits for a lock that another session of the revision holds. "
                "If it only needs more time, raise the limit with --statement-timeout.",
            )
            continue
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} fails: {statement.error} (SQLSTATE {statement.sqlstate}).",
            _advice(statement),
            OwnTransactions((statement.sql,)).expand.fix if _needs_autocommit(statement) else None,
        )
    if trace.error:
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The upgrade fails: {trace.error}",
            _CORRECT,
        )


_CORRECT = "Correct the revision before anybody runs it."
_CANCELED = "57014"  # by statement_timeout


# Extensions whose types, operator classes and functions histories use without creating them.
_EXTENSION_OF = {
    **dict.fromkeys(
        ("vector", "halfvec", "sparsevec", "vector_cosine_ops", "vector_l2_ops", "vector_ip_ops"), "vector"
    ),
    **dict.fromkeys(("gin_trgm_ops", "gist_trgm_ops", "similarity"), "pg_trgm"),
    **dict.fromkeys(("uuid_generate_v4", "uuid_generate_v1", "uuid_generate_v1mc"), '"uuid-ossp"'),
    **dict.fromkeys(("digest", "crypt", "gen_salt", "pgp_sym_encrypt"), "pgcrypto"),
    **{name: name for name in ("citext", "hstore", "ltree")},
}
_MISSING = re.compile(r'(?:type|operator class|function) "?([a-z]\w*)"?(?:\(.*\))? does not exist')


def _advice(statement: StatementTrace) -> str:
    if _needs_autocommit(statement):
        return "Execute it in an autocommit block."
    missing = _MISSING.match(statement.error or "")
    extension = _EXTENSION_OF.get(missing.group(1)) if missing else None
    if extension is None:
        return _CORRECT
    return (
        f"Execute CREATE EXTENSION IF NOT EXISTS {extension} before it. Where the database has the extension before "
        "the first revision, create it in a file and name that with --setup."
    )


def _needs_autocommit(statement: StatementTrace) -> bool:
    return statement.cannot_run_in_transaction or statement.sqlstate == "25001"
