"""Parsing of an index definition as `pg_get_indexdef` returns it. Quoted names and texts may contain any character."""

import re
from collections.abc import Iterator

# A quoted name, a text, a word with its dots, or any other character.
_TOKEN = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[\w$.]+|\s+|.""", re.DOTALL)


def after_using(definition: str) -> str:
    """Return the text after USING: the access method, the keys and all the rest; empty without USING."""
    words = _TOKEN.findall(definition)
    position = next((number for number, word in enumerate(words) if word == "USING"), len(words))
    return "".join(words[position + 1 :]).strip()


def key_columns(definition: str) -> list[str]:
    """Return the key columns and expressions of an index, without collation, operator class and order."""
    return first_list(after_using(definition))


def first_list(text: str) -> list[str]:
    """Return the columns and expressions in the first parentheses of a text, such as the definition of a key."""
    return [_leading(key) for key in _keys(_TOKEN.findall(text))]


def _keys(words: list[str]) -> Iterator[list[str]]:
    """Return the words of each key. The keys are in the first parentheses, separated by commas."""
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
    """Return the column or expression at the beginning of a key.

    A collation, an operator class and the order may follow. Postgres writes every expression in parentheses, unless it
    is a function call.
    """
    leading, depth = "", 0
    for word in words:
        if depth == 0 and leading and word.isspace():
            break
        leading += word if leading or not word.isspace() else ""
        depth += (word == "(") - (word == ")")
    return leading
