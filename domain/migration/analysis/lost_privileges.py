"""Privileges that roles other than the owner had before the upgrade and have no longer."""

from collections.abc import Collection, Mapping

from domain.migration.analysis.changes import removed
from domain.migration.compatibility import BrokenStatement
from domain.migration.names import bare, split
from domain.migration.repair.privileges import letters_by_grantee
from domain.migration.snapshot import ObjectKey, Value, attributes
from domain.migration.trace import RevisionTrace

_RELATIONS = frozenset({"table", "view", "column", "sequence"})
_APART = frozenset({"default privileges", "parameter privileges"})  # nobody is refused an object without these


def kept_objects(trace: RevisionTrace) -> list[ObjectKey]:
    """Return the objects before and after the upgrade that have privileges, sorted.

    Of an object that is built in, a catalog has the privileges only where they are not the initial ones.
    """
    if trace.before is None or trace.after is None:
        return []
    before, after = trace.before.objects.keys(), trace.after.objects.keys()
    built_in = set() if removed(trace, "extension") else {key for key in before | after if key[0] == "privileges"}
    return sorted(key for key in (before & after) | built_in if key[0] not in _APART)


def lost_privileges(trace: RevisionTrace, key: ObjectKey, former: ObjectKey | None = None) -> dict[str, list[str]]:
    """Return the letters of the privileges on an object that each grantee had and has no longer.

    Args:
        trace: Trace of the revision.
        key: The object.
        former: What had its name before the upgrade, if that was an object of another kind.
    """
    before, after = attributes(trace.before, *(former or key)), attributes(trace.after, *key)
    acl_before = before.get("acl") if before else after.get("initial_acl")
    acl_after = after.get("acl") if after else before.get("initial_acl")
    if acl_before == acl_after:
        return {}
    owners = {before.get("owner"), after.get("owner")}
    if key[0] == "column":
        table = attributes(trace.after, "table", split(key[1])[0])
        of_table = letters_by_grantee(table.get("acl"))
        owners |= {table.get("owner")}
    else:
        of_table = {}
    return _missing(acl_before, acl_after, of_table, owners)


def _missing(
    before: Value, after: Value, besides: Mapping[str, Mapping[str, bool]], owners: Collection[Value]
) -> dict[str, list[str]]:
    """Return the letters that each grantee has in one access control list and neither in another one nor besides.

    Args:
        before: The access control list with more letters.
        after: The other one.
        besides: Letters of each grantee that count as well.
        owners: Grantees that are left out.
    """
    actual = letters_by_grantee(after)
    lost = {
        grantee: [
            letter
            for letter in letters
            if not any(letter in has.get(role, {}) for has in (actual, besides) for role in (grantee, ""))
        ]
        for grantee, letters in letters_by_grantee(before).items()
        if grantee not in owners
    }
    return {grantee: letters for grantee, letters in lost.items() if letters}


def is_refused_on_purpose(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether a role is refused by what the upgrade says of the role's rights, which other rules report.

    That is a REVOKE on the table itself, or on its schema, a type or a function, and row security that is new.
    """
    role, table = broken.statement.role, broken.statement.table
    if not role or trace.before is None or trace.after is None:
        return False
    is_secured, was_secured = (
        attributes(catalog, "table", table).get("row_security") for catalog in (trace.after, trace.before)
    )
    if is_secured and not was_secured:
        return True
    return any(
        bare(name) in {role, ""}
        for key in kept_objects(trace)
        if key[0] not in _RELATIONS or table in {key[1], split(key[1])[0]}
        for name in lost_privileges(trace, key)
    )
