"""GRANT and REVOKE statements that lead from one access control list to another."""

import re
from collections.abc import Iterable, Iterator

from domain.migration.names import split
from domain.migration.repair.definitions import Attributes, texts, words
from domain.migration.snapshot import Value

_PRIVILEGES = {
    "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "D": "TRUNCATE", "x": "REFERENCES", "t": "TRIGGER",
    "m": "MAINTAIN", "X": "EXECUTE", "U": "USAGE", "C": "CREATE", "c": "CONNECT", "T": "TEMPORARY", "s": "SET",
    "A": "ALTER SYSTEM",
}  # fmt: skip


def privileges(kind: str, name: str, attributes: Attributes, expected: Value, actual: Value) -> Iterator[str]:
    """Return the GRANT and REVOKE statements that lead from one access control list to another.

    An item is `grantee=letters/grantor`. An asterisk after a letter is its grant option (manual, Privileges).

    Args:
        kind: Kind of the object.
        name: Qualified name of the object.
        attributes: Attributes of the object.
        expected: Expected access control list.
        actual: Actual access control list.
    """
    expected_items, actual_items = letters_by_grantee(expected), letters_by_grantee(actual)
    for grantee in sorted(expected_items.keys() | actual_items.keys()):
        role = grantee or "PUBLIC"
        now, target = actual_items.get(grantee, {}), expected_items.get(grantee, {})
        revoked = [letter for letter in now if letter not in target]
        without_option = [letter for letter in now if now[letter] and letter in target and not target[letter]]
        if revoked:
            yield f"REVOKE {_on(kind, name, attributes, revoked)} FROM {role}"
        if without_option:
            yield f"REVOKE GRANT OPTION FOR {_on(kind, name, attributes, without_option)} FROM {role}"
        for grant_option in (False, True):
            granted = [
                letter
                for letter in target
                if target[letter] is grant_option and (letter not in now or (grant_option and not now[letter]))
            ]
            if granted:
                yield f"GRANT {_on(kind, name, attributes, granted)} TO {role}" + " WITH GRANT OPTION" * grant_option


def letters_by_grantee(value: Value) -> dict[str, dict[str, bool]]:
    """Return the letters of each grantee of an access control list, with whether they have the grant option.

    PUBLIC is the grantee without a name.
    """
    grantees: dict[str, dict[str, bool]] = {}
    for item in texts(value):
        grantee, _, rest = item.partition("=")
        letters = re.findall(r"([a-zA-Z])(\*?)", rest.partition("/")[0])
        grantees.setdefault(grantee, {}).update({letter: bool(star) for letter, star in letters})
    return grantees


def names_of_privileges(letters: Iterable[str]) -> list[str]:
    """Return the privileges that the letters of an access control list stand for, such as SELECT for `r`."""
    return [_PRIVILEGES.get(letter, letter) for letter in letters]


def _on(kind: str, name: str, attributes: Attributes, letters: Iterable[str]) -> str:
    privilege_names = names_of_privileges(letters)
    if kind == "column":
        table, own = split(name)
        return ", ".join(f"{privilege} ({own})" for privilege in privilege_names) + f" ON TABLE {table}"
    word = {
        "view": "TABLE",
        "table": "TABLE",
        "type": "TYPE",
        "aggregate": "FUNCTION",
        "foreign server": "FOREIGN SERVER",
    }
    # of default privileges, the name is that of a kind
    subject = name if kind == "default privileges" else f"{word.get(kind) or words(kind, attributes)} {name}"
    return f"{', '.join(privilege_names)} ON {subject}"
