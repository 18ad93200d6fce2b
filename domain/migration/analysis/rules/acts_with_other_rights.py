"""A function or a view acts with the rights of another role than before, or guards these rights less.

A function that is `SECURITY DEFINER` acts with the rights of its owner, and others with those of the caller. So without
it, callers are refused what only its owner may do; and with it, whoever may execute it can do what its owner may. The
same holds for a view without and with `security_invoker`; the row security of the tables behind a view is that of the
role whose rights it uses. Without a `search_path` of its own, a function with its owner's rights finds the tables and
operators that the caller has put in the way. A `LEAKPROOF` function, or a view that is no `security_barrier` any more,
may show values of rows that a view or a policy hides. Tests run as the owner notice none of that. The safe way is a
second function or view beside the first one, until no deployed code uses that:

    op.execute("CREATE FUNCTION own_user_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'")

Source: the Postgres manual, sections CREATE FUNCTION, CREATE VIEW and "Rules and Privileges".
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import kept, statement_of
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.repair.definitions import texts
from domain.migration.repair.privileges import letters_by_grantee
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import Value, attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "acts-with-other-rights"
SEVERITY = Severity.WARNING
_SETUP = f"""{USERS}
CREATE FUNCTION user_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    AS 'SELECT count(*) FROM users';
"""  # noqa: S608 - constants only
_COUNT = "CREATE FUNCTION own_user_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM users'"
BAD = Example(
    _SETUP,
    'op.execute("ALTER FUNCTION user_count() SECURITY INVOKER")',
    'op.execute("ALTER FUNCTION user_count() SECURITY DEFINER")',
)
GOOD = Example(_SETUP, f'op.execute("{_COUNT}")', 'op.execute("DROP FUNCTION own_user_count()")')

Attributes = Mapping[str, Value]
_TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})  # as Postgres reads a boolean option
_GRANT = "Grant the callers what it uses first, and run the code as such a role, not as the owner."
_NARROW = "Let only those execute or read it that need it, and test as a role that may not see the rest."


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report functions and views that stay and act with other rights."""
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    for kind, changes in (("function", _of_function), ("view", _of_view)):
        for name in kept(trace, kind):
            before, after = (attributes(catalog, kind, name) for catalog in (trace.before, trace.after))
            for change, help_text in changes(before, after) if before != after else ():
                if not (contract and help_text == _GRANT):
                    yield Diagnostic(
                        CODE,
                        SEVERITY,
                        statement_of(trace, kind, name),
                        name if kind == "view" else None,
                        f"The {after.get('kind') or kind} {name} {change}.",
                        help_text,
                    )


def _of_function(before: Attributes, after: Attributes) -> Iterator[tuple[str, str]]:
    was, is_definer = bool(before.get("security_definer")), bool(after.get("security_definer"))
    if was and not is_definer:
        yield (
            (
                f"acts with the rights of its caller, no longer with those of {before.get('owner')}: callers are "
                "refused what only that role may do"
            ),
            _GRANT,
        )
    if is_definer and not was:
        path = "" if _has_path(after) else ", and without a search_path it finds what a caller puts in the way"
        yield (
            f"acts with the rights of {after.get('owner')} from now on: {_callers(after)} can do all it does{path}",
            (_NARROW),
        )
    if is_definer and was:
        if before.get("owner") != after.get("owner"):
            yield f"acts with the rights of {after.get('owner')} in place of those of {before.get('owner')}", _GRANT
        if _has_path(before) and not _has_path(after):
            yield (
                (
                    f"acts with the rights of {after.get('owner')} without a search_path of its own from now on: it "
                    "finds what a caller puts in the way"
                ),
                "Set the search_path of the function to the schemas that it uses, with pg_temp at the end.",
            )
    if after.get("leakproof") and not before.get("leakproof"):
        yield (
            "is LEAKPROOF from now on: Postgres lets it see values of rows that views and policies hide",
            "Call only functions so that reveal nothing of their arguments, neither by errors.",
        )


def _of_view(before: Attributes, after: Attributes) -> Iterator[tuple[str, str]]:
    was, is_invoker = (_option(state, "security_invoker") for state in (before, after))
    if is_invoker and not was:
        yield (
            (
                f"uses the rights and the row security of whoever reads it, not those of {before.get('owner')}: roles "
                "without privileges on the tables behind it are refused"
            ),
            _GRANT,
        )
    if was and not is_invoker:
        yield (
            (
                f"uses the rights and the row security of {after.get('owner')} from now on: whoever may read it finds "
                "what that role finds in the tables behind it"
            ),
            _NARROW,
        )
    if not was and not is_invoker and before.get("owner") != after.get("owner"):
        yield f"uses the rights of {after.get('owner')} in place of those of {before.get('owner')}", _GRANT
    if _option(before, "security_barrier") and not _option(after, "security_barrier"):
        yield (
            "is no security barrier any more: functions in a query may see values of the rows that it hides",
            _NARROW,
        )


def _option(view: Attributes, name: str) -> bool:
    options = dict(option.partition("=")[::2] for option in texts(view.get("options")))
    return options.get(name, "").lower() in _TRUE


def _has_path(function: Attributes) -> bool:
    return any(setting.startswith("search_path=") for setting in texts(function.get("settings")))


def _callers(function: Attributes) -> str:
    """Return the roles that may execute a function and do not own it, in words."""
    grantees = letters_by_grantee(function.get("acl"))
    if "" in grantees:
        return "everybody"
    return ", ".join(sorted(name for name in grantees if name != function.get("owner"))) or "who may execute it"
