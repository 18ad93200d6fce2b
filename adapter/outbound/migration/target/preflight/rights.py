"""What the role may do: who alters a table must own it, and who creates one needs CREATE on its schema."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.locks import LockMode

CODE = "rights"
TITLE = "the role owns what it alters"
REMEDY = "run this as the role that migrates"
_DDL = frozenset({LockMode.SHARE_UPDATE_EXCLUSIVE, LockMode.SHARE, LockMode.ACCESS_EXCLUSIVE})

_NOT_OWNED = """
SELECT c.oid::int8, pg_get_userbyid(c.relowner), quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user)
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY (%s) AND NOT pg_has_role(c.relowner, 'USAGE')
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report tables that the plan alters and that belong to a role of which this one is no member."""
    altered = [oid for oid, name in subject.relations.items() if subject.modes[name] & _DDL]
    owners: dict[tuple[str, str, str], list[str]] = {}
    for oid, owner, quoted_owner, role in subject.rows(_NOT_OWNED, altered):
        owners.setdefault((owner, quoted_owner, role), []).append(subject.relations[oid])
    for (owner, quoted_owner, role), tables in owners.items():
        yield Finding(
            CODE,
            Outcome.FAILED,
            f"{', '.join(sorted(tables))} belongs to {owner}, and {role} may not alter it",
            f"GRANT {quoted_owner} TO {role}; or run this as {owner}",
        )
