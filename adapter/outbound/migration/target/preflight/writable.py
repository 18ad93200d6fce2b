"""Whether the database can be written: it is a standby, or a setting makes its transactions read only."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.read_only import describe_read_only
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "writable"
TITLE = "the database can be written"
REMEDY = "read pg_settings as the role that migrates"

_READ_ONLY = """
SELECT pg_catalog.pg_is_in_recovery() OR setting = 'on'
  FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only'
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report a database that only reads."""
    if subject.value(_READ_ONLY):
        error = describe_read_only(subject.rows, "", "found before anything was written")
        yield Finding(CODE, Outcome.FAILED, error.message.rstrip("."), error.hint)
