"""Publications and subscriptions of the plan's tables: changes of a schema are not replicated with the rows."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "logical-replication"
TITLE = "no table of the plan is replicated logically"
REMEDY = "read pg_publication_rel and pg_subscription_rel as the role that migrates"

_PUBLISHED = """
SELECT pubname, string_agg(format('%%I.%%I', schemaname, tablename), ', ' ORDER BY schemaname, tablename)
  FROM pg_catalog.pg_publication_tables
 WHERE to_regclass(format('%%I.%%I', schemaname, tablename))::oid = ANY (%s) GROUP BY 1 ORDER BY 1
"""
_SUBSCRIBED = """
SELECT string_agg(srrelid::regclass::text, ', ' ORDER BY srrelid::regclass::text)
  FROM pg_catalog.pg_subscription_rel WHERE srrelid = ANY (%s) HAVING count(*) > 0
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report publications and subscriptions with such tables."""
    oids = list(subject.relations)
    for publication, tables in subject.rows(_PUBLISHED, oids):
        yield Finding(
            CODE,
            Outcome.WARNING,
            f"the publication {publication} has {tables}, and a change of their columns does not reach subscribers",
            "add new columns to the subscribers first, and drop columns there last",
        )
    for (tables,) in subject.rows(_SUBSCRIBED, oids):
        yield Finding(
            CODE,
            Outcome.WARNING,
            f"a subscription writes into {tables}, and stops where its rows no longer fit",
            "make the tables of the publisher and of the subscriber fit each other in each step",
        )
