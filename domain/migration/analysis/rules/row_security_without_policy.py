"""Row security is enabled for a table, and no policy allows what roles could do before.

A role that neither owns the table nor bypasses row security then reads no rows, and its INSERTs are refused. With a
policy that checks something, it finds only the rows that pass, and the old code does not know what the policy
checks, such as a setting of the session. The owner notices nothing, and the owner often tests the revision. With FORCE,
the owner is restricted, too. The safe way is to create the policies first, and to enable row security when the code
sets what the policies check:

    op.execute("CREATE POLICY everybody ON users USING (true) WITH CHECK (true)")
    op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")

Source: the Postgres manual, section "Row Security Policies".
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import kept, statement_of
from domain.migration.analysis.impact import is_live
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.op_code import execute, lines, revised
from domain.migration.snapshot import Value, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "row-security-without-policy"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    'op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")',
    'op.execute("ALTER TABLE users DISABLE ROW LEVEL SECURITY")',
)
GOOD = Example(
    USERS,
    'op.execute("CREATE POLICY everybody ON users USING (true) WITH CHECK (true)")\n'
    'op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")',
    'op.execute("ALTER TABLE users DISABLE ROW LEVEL SECURITY")\nop.execute("DROP POLICY everybody ON users")',
)
_BACK = {"ENABLE": "DISABLE", "FORCE": "NO FORCE"}
_COMMANDS = ("select", "insert", "update", "delete")


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report tables for which row security refuses a command to every role but the owner."""
    for table in kept(trace, "table"):
        after, before = (attributes(catalog, "table", table) for catalog in (trace.after, trace.before))
        if (
            not after.get("row_security")
            or before.get("row_security")
            or not is_live(trace, table, len(trace.upgrade) - 1)
        ):
            continue
        refused = [command for command in _COMMANDS if not _is_allowed(trace, table, command)]
        if refused:
            whom = "all roles, its owner too," if after.get("force_row_security") else "roles other than its owner"
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "table", table),
                table,
                f"Row security is enabled for {table}, and no policy allows {', '.join(refused).upper()}: {whom} "
                "find no rows, or are refused.",
                "Create the policies first. Test with the role of the application, not as the owner.",
                _fix(table, forced=bool(after.get("force_row_security"))),
            )
        elif conditions := _conditions(trace, table):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "table", table),
                table,
                f"Row security is enabled for {table}: roles other than its owner find only rows with "
                f"{' or '.join(conditions)}, and the old code may not set what this checks.",
                "Deploy code that sets what the policies check before you enable row security. Test with the role of "
                "the application, not as the owner.",
            )


def _fix(table: str, *, forced: bool) -> str:
    switches = ["ENABLE", *["FORCE"] * forced]
    return revised(
        lines(
            execute(f"CREATE POLICY everybody ON {table} USING (true) WITH CHECK (true)"),
            *(execute(f"ALTER TABLE {table} {switch} ROW LEVEL SECURITY") for switch in switches),
        ),
        *(execute(f"ALTER TABLE {table} {_BACK[switch]} ROW LEVEL SECURITY") for switch in reversed(switches)),
        execute(f"DROP POLICY everybody ON {table}"),
    )


def _is_allowed(trace: RevisionTrace, table: str, command: str) -> bool:
    return any(
        policy.get("permissive") and policy.get("command") in {command, "all"} for policy in _policies(trace, table)
    )


def _conditions(trace: RevisionTrace, table: str) -> list[str]:
    """Return the conditions on the rows that are found; none where a policy lets everybody find every row."""
    reading = [policy for policy in _policies(trace, table) if policy.get("command") in {"select", "all"}]
    permissive = [policy for policy in reading if policy.get("permissive")]
    is_open = any(policy.get("using") == "true" and policy.get("roles") == ("public",) for policy in permissive)
    checking = [policy for policy in reading if not policy.get("permissive")] if is_open else permissive
    return [str(policy["using"]) for policy in checking if policy.get("using") not in {None, "true"}]


def _policies(trace: RevisionTrace, table: str) -> list[Mapping[str, Value]]:
    names = (name for name in sorted(names_of(trace.after, "policy")) if split(name)[0] == table)
    return [attributes(trace.after, "policy", name) for name in names]
