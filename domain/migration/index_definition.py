"""Reads the definition of an index, as `pg_get_indexdef` writes it: names and texts in it may hold anything."""

import re
from collections.abc import Iterator

# A quoted name, a text, a word with its dots, or any other character.
_TOKEN = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[\w$.]+|\s+|.""", re.DOTALL)


def after_using(definition: str) -> str:
    """Return what follows USING: the method, the keys and all the rest; nothing where there is no USING."""
    words = _TOKEN.findall(definition)
    place = next((number for number, word in enumerate(words) if word == "USING"), len(words))
    return "".join(words[place + 1 :]).strip()


def key_columns(definition: str) -> list[str]:
    """Return the columns and expressions that an index has as keys, without what says how they are ordered."""
    return [_leading(key) for key in _keys(_TOKEN.findall(after_using(definition)))]


def _keys(words: list[str]) -> Iterator[list[str]]:
    """Return the words of each key: what stands in the first parentheses, parted by its commas."""
    depth, key = 0, list[str]()
    for word in words:
        closes = word == ")"
        if depth == 1 and (closes or word == ","):
            yield key
            key = []
        elif depth >= 1:
            key.append(word)
        depth += (word == "(") - closes
        if closes and depth == 0:
            return


def _leading(words: list[str]) -> str:
    """Return the column or expression that a key begins with.

    What follows is a collation, a class of operators, and the order. Postgres puts every expression into parentheses
    that is no call of a function.
    """
    found, depth = "", 0
    for word in words:
        if depth == 0 and found and word.isspace():
            break
        found += word if found or not word.isspace() else ""
        depth += (word == "(") - (word == ")")
    return found
