"""Row security of a table is switched off, or its policies change, so that roles find or write other rows.

No statement fails, so tests do not notice: a role finds rows that were kept from it, of other tenants perhaps, or finds
rows no more. The owner is not restricted without FORCE, and the owner often tests the revision. The safe way to show
all rows to one role is a policy for this role:

    op.execute("CREATE POLICY monitoring ON users FOR SELECT TO pg_monitor USING (true)")

Such a policy is not reported. Policies for one table and command are joined by OR, so a new one that lets everybody
find every row makes the others useless, which is reported. So is a view that takes the name of such a table: it reads
with the rights of its owner, unless it is made WITH (security_invoker = true).

Source: the Postgres manual, section "Row Security Policies".
"""

import re
from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import kept, statement_of
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.repair.definitions import texts
from domain.migration.repair.privileges import letters_by_grantee
from domain.migration.snapshot import SchemaSnapshot, Value, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

_INVOKER = re.compile(r"security_invoker=(true|on|yes|1)", re.IGNORECASE)

CODE = "row-security-changed"
SEVERITY = Severity.WARNING
_SETUP = f"""{USERS}
CREATE POLICY own ON users USING (email = current_user);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON users TO pg_monitor;
"""
BAD = Example(
    _SETUP,
    'op.execute("ALTER TABLE users DISABLE ROW LEVEL SECURITY")',
    'op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")',
)
GOOD = Example(
    _SETUP,
    'op.execute("CREATE POLICY monitoring ON users FOR SELECT TO pg_monitor USING (true)")',
    'op.execute("DROP POLICY monitoring ON users")',
)

Policy = Mapping[str, Value]
_HELP = (
    "Make sure that each role may find these rows, and that the deployed code expects them. Test with the role of the "
    "application, not as the owner."
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report tables on which row security was at work and lets roles find or write other rows now."""
    for table in kept(trace, "table"):
        before, after = (attributes(catalog, "table", table) for catalog in (trace.before, trace.after))
        if not before.get("row_security"):
            continue
        if not after.get("row_security"):
            whom = _roles(before, forced=bool(before.get("force_row_security")))
            message = f"Row security of {table} is switched off: {whom} find and change all rows, also those that the "
            yield _diagnostic(trace, "table", table, table, f"{message}policies kept from them.")
            continue
        if before.get("force_row_security") and not after.get("force_row_security"):
            message = f"Row security of {table} does not hold for its owner any more, who finds and changes all rows."
            yield _diagnostic(trace, "table", table, table, message)
        yield from _of_policies(trace, table)
    for view in sorted(names_of(trace.after, "view") & names_of(trace.before, "table")):
        yield from _of_view(trace, view)


def _of_view(trace: RevisionTrace, view: str) -> Iterator[Diagnostic]:
    """Report a view that has taken the name of a table with row security, and hands out what the policies kept."""
    table, entry = attributes(trace.before, "table", view), attributes(trace.after, "view", view)
    asks_invoker = any(_INVOKER.fullmatch(option) for option in texts(entry.get("options")))
    roles = sorted(grantee or "PUBLIC" for grantee in letters_by_grantee(entry.get("acl")) if grantee != entry["owner"])
    if table.get("row_security") and not table.get("force_row_security") and roles and not asks_invoker:
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement_of(trace, "view", view),
            view,
            f"The view {view} has taken the name of a table with row security and reads with the rights of its owner: "
            f"{', '.join(roles)} find and change all rows, also those that the policies kept from them.",
            "Create the view WITH (security_invoker = true), and grant its roles what they need on the table.",
        )


def _of_policies(trace: RevisionTrace, table: str) -> Iterator[Diagnostic]:
    old, new = _policies(trace.before, table), _policies(trace.after, table)
    gone = {name: policy for name, policy in old.items() if name not in new and policy not in new.values()}
    for name, policy in gone.items():
        effect = (
            "rows that only it allows are neither found nor written any more"
            if policy.get("permissive")
            else "rows that it kept from roles are found and written"
        )
        yield _diagnostic(trace, "policy", name, table, f"The policy {split(name)[1]} of {table} is gone: {effect}.")
    for name, policy in new.items():
        if name in old and policy != old[name]:
            message = f"The policy {split(name)[1]} of {table} {_change(old[name], policy)}: roles find or write other "
            yield _diagnostic(trace, "policy", name, table, f"{message}rows than before.")
        elif name not in old and policy not in old.values() and (useless := _made_useless(policy, old)):
            message = f"The new policy {split(name)[1]} of {table} lets everybody find every row, so that "
            others = ", ".join(split(other)[1] for other in useless)
            yield _diagnostic(trace, "policy", name, table, f"{message}{others} no longer restricts anybody.")


def _diagnostic(trace: RevisionTrace, kind: str, name: str, table: str, message: str) -> Diagnostic:
    return Diagnostic(CODE, SEVERITY, statement_of(trace, kind, name), table, message, _HELP)


def _roles(table: Mapping[str, Value], *, forced: bool) -> str:
    """Return the roles that row security restricts, in words: those with privileges, and with FORCE the owner."""
    grantees = letters_by_grantee(table.get("acl"))
    roles = [grantee or "PUBLIC" for grantee in grantees if forced or grantee != table.get("owner")]
    return ", ".join(sorted(roles)) or "roles that get privileges on it"


def _policies(snapshot: SchemaSnapshot | None, table: str) -> dict[str, Policy]:
    """Return the policies of a table by name, without their comments."""
    return {
        name: {key: value for key, value in attributes(snapshot, "policy", name).items() if key != "comment"}
        for name in sorted(names_of(snapshot, "policy"))
        if split(name)[0] == table
    }


def _change(before: Policy, after: Policy) -> str:
    """Return how a policy changes, in words."""
    parts = []
    if before.get("roles") != after.get("roles"):
        parts.append(f"is for {', '.join(texts(after['roles']))} in place of {', '.join(texts(before['roles']))}")
    if before.get("command") != after.get("command"):
        parts.append(f"is for {str(after['command']).upper()} in place of {str(before['command']).upper()}")
    if before.get("permissive") != after.get("permissive"):
        parts.append("allows rows now" if after.get("permissive") else "restricts rows now")
    for attribute in ("using", "check"):
        if before.get(attribute) != after.get(attribute):
            old, new = (policy.get(attribute) or "nothing" for policy in (before, after))
            parts.append(f"{'checks' if attribute == 'using' else 'lets write'} {new} in place of {old}")
    return ", ".join(parts)


def _made_useless(policy: Policy, others: Mapping[str, Policy]) -> list[str]:
    """Return the policies with conditions that restrict nobody beside one that allows everybody every row."""
    if not policy.get("permissive") or policy.get("using") != "true" or policy.get("roles") != ("public",):
        return []
    return [
        name
        for name, other in others.items()
        if other.get("permissive")
        and other.get("using") not in {None, "true"}
        and policy.get("command") in {other.get("command"), "all"}
    ]
