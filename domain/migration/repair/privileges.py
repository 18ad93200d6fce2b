"""GRANT and REVOKE, from one access control list to another."""

import re
from collections.abc import Iterable, Iterator

from domain.migration.names import split
from domain.migration.repair.definitions import Attributes, texts, words
from domain.migration.snapshot import Value

_PRIVILEGES = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE",
}  # fmt: skip


def privileges(kind: str, name: str, attributes: Attributes, expected: Value, actual: Value) -> Iterator[str]:
    """Return the GRANTs and REVOKEs that lead from one access control list to another.

    An item is `grantee=letters/grantor`, an asterisk after a letter is its grant option (manual, Privileges).
    """
    wanted, found = _acl(expected), _acl(actual)
    for grantee in sorted(wanted.keys() | found.keys()):
        role = grantee or "PUBLIC"
        has, wants = found.get(grantee, {}), wanted.get(grantee, {})
        gone = [letter for letter in has if letter not in wants]
        unpassable = [letter for letter in has if has[letter] and letter in wants and not wants[letter]]
        if gone:
            yield f"REVOKE {_on(kind, name, attributes, gone)} FROM {role}"
        if unpassable:
            yield f"REVOKE GRANT OPTION FOR {_on(kind, name, attributes, unpassable)} FROM {role}"
        for passable in (False, True):
            new = [one for one in wants if wants[one] is passable and (one not in has or (passable and not has[one]))]
            if new:
                yield f"GRANT {_on(kind, name, attributes, new)} TO {role}" + " WITH GRANT OPTION" * passable


def _acl(value: Value) -> dict[str, dict[str, bool]]:
    found: dict[str, dict[str, bool]] = {}
    for item in texts(value):
        grantee, _, rest = item.partition("=")
        letters = re.findall(r"([a-zA-Z])(\*?)", rest.partition("/")[0])
        found.setdefault(grantee, {}).update({letter: bool(star) for letter, star in letters})
    return found


def _on(kind: str, name: str, attributes: Attributes, letters: Iterable[str]) -> str:
    names = [_PRIVILEGES.get(letter, letter) for letter in letters]
    if kind == "column":
        table, own = split(name)
        return ", ".join(f"{one} ({own})" for one in names) + f" ON TABLE {table}"
    word = {
        "view": "TABLE",
        "table": "TABLE",
        "type": "TYPE",
        "aggregate": "FUNCTION",
        "foreign server": "FOREIGN SERVER",
    }
    return f"{', '.join(names)} ON {word.get(kind) or words(kind, attributes)} {name}"
