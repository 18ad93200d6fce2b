"""A role that is not the owner loses privileges on an object.

The old code still runs while a deployment goes on. If it connects as that role, its statements are refused with
"permission denied". A view, function or table that is dropped and created again under its name, and a view with the
name of a renamed table, start without the grants of the old one; the owner, who often tests the revision, notices
nothing. The safe way is to grant again in the same transaction, or to replace the object in place, which keeps its
grants:

    op.execute("CREATE OR REPLACE VIEW names AS SELECT id, name FROM users WHERE name <> ''")

A REVOKE takes privileges away on purpose, which is a warning: nobody may need them any more. Then declare the revision
with a line `Phase: contract` in its docstring.

Source: the Postgres manual, section "Privileges".
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import renamed_by, statement_of
from domain.migration.analysis.lost_privileges import kept_objects, lost_privileges
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.op_code import execute, lines
from domain.migration.repair.privileges import names_of_privileges, privileges
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import ObjectKey, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "privileges-lost"
SEVERITY = Severity.ERROR
_VIEW = "CREATE VIEW names AS SELECT id, name FROM users; GRANT SELECT ON names TO pg_monitor;"
_SETUP = USERS + _VIEW
_NEW = "CREATE VIEW names AS SELECT id, name FROM users WHERE name <> ''"
_OLD = "CREATE VIEW names AS SELECT id, name FROM users"
_DROP = 'op.execute("DROP VIEW names")\n'
_GRANT = '\nop.execute("GRANT SELECT ON names TO pg_monitor")'
BAD = Example(_SETUP, f"{_DROP}op.execute({_NEW!r})", f"{_DROP}op.execute({_OLD!r}){_GRANT}")
GOOD = Example(_SETUP, f"{_DROP}op.execute({_NEW!r}){_GRANT}", f"{_DROP}op.execute({_OLD!r}){_GRANT}")

_LATER = "Revoke them when no deployed code needs them any more, in a revision whose docstring says `Phase: contract`."


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report objects on which roles other than the owner have fewer privileges than before."""
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    for key in kept_objects(trace):
        if lost := lost_privileges(trace, key):
            anew = _is_made_anew(trace, key)
            if anew or not contract:
                yield _diagnostic(trace, key, lost, anew=anew, contract=contract)
    for former, key in _other_kinds(trace):
        if lost := lost_privileges(trace, key, former):
            yield _diagnostic(trace, key, lost, anew=True, contract=contract, former=former)


def _other_kinds(trace: RevisionTrace) -> Iterator[tuple[ObjectKey, ObjectKey]]:
    """Return the tables whose name a view has after the upgrade, and the other way round."""
    for kind, other in (("table", "view"), ("view", "table")):
        for name in sorted(names_of(trace.before, kind) & names_of(trace.after, other)):
            yield (kind, name), (other, name)


def _is_made_anew(trace: RevisionTrace, key: ObjectKey) -> bool:
    """Return whether the object is not the one that had the name before."""
    kind, name = key
    names = {name, split(name)[0]} if kind == "column" else {_without_arguments(name)}
    # another function of this name may be created beside it
    overloads = kind in {"function", "aggregate"}
    is_created = any(
        _without_arguments(changed.name) in names
        for statement in trace.upgrade
        for changed in (*statement.dropped, *(() if overloads else statement.created))
    )
    siblings = (old for old in names_of(trace.before, kind) if old != name and split(old)[0] == split(name)[0])
    return is_created or any(renamed_by(trace, kind, old, name) is not None for old in siblings)


def _without_arguments(name: str) -> str:
    """Return a name without the types of arguments, which event triggers write in another way than the catalog."""
    return name.partition("(")[0]


def _diagnostic(
    trace: RevisionTrace,
    key: ObjectKey,
    lost: dict[str, list[str]],
    *,
    anew: bool,
    contract: bool,
    former: ObjectKey | None = None,
) -> Diagnostic:
    entry = attributes(trace.after, *key) or attributes(trace.before, *key)
    kind, name = (str(entry["type"]), str(entry["identity"])) if key[0] == "privileges" else key
    object_kind = str(entry.get("kind") or kind)
    cause = "the upgrade creates it again without these grants" if anew else "the upgrade revokes them"
    return Diagnostic(
        CODE,
        SEVERITY if anew and not contract else Severity.WARNING,
        statement_of(trace, kind, _without_arguments(name) if key[0] == "privileges" else name),
        name if kind in {"table", "view"} else None,
        f"{_in_words(lost)} on the {object_kind} {name}: {cause}. Code that connects as such a role is refused.",
        "Grant the privileges again in the same transaction." if anew else _LATER,
        _fix(trace, key, former or key) if anew else None,
    )


def _in_words(lost: Mapping[str, list[str]]) -> str:
    parts = (
        f"{grantee or 'PUBLIC'} loses {', '.join(names_of_privileges(letters))}" for grantee, letters in lost.items()
    )
    return "; ".join(parts)


def _fix(trace: RevisionTrace, key: ObjectKey, former: ObjectKey) -> str:
    """Return the operations that grant what was granted before."""
    before, after = attributes(trace.before, *former), attributes(trace.after, *key)
    statements = privileges(*key, after, before.get("acl"), after.get("acl"))
    return lines(*(execute(statement) for statement in statements if statement.startswith("GRANT ")))
