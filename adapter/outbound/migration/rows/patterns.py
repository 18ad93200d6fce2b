"""Texts that match the patterns in a check: LIKE, SIMILAR TO, and the usual regular expressions.

A pattern is read as a sequence of places, each with the characters that are allowed there. A pattern that cannot be
expressed that way, such as one with a look-ahead, yields no text. The first of several alternatives is used, and
optional parts are omitted.
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import N, Values

_MOST_PLACES = 200
_FREE = 6  # places for a part of any length
_ENOUGH = 10**9  # distinct values; any further places are constant
_WORD = string.ascii_lowercase + string.digits
_CLASSES = {"d": string.digits, "w": _WORD, "s": " ", "D": string.ascii_lowercase, "W": "-", "S": _WORD}
_NAMED = {
    "alpha": string.ascii_lowercase,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "alnum": _WORD,
    "xdigit": "0123456789abcdef",
    "space": " ",
    "punct": "-.",
}
_USED = re.compile(r"(?<!!)(~~\*?|~\*?)\s*(similar_to_escape\()?\s*'((?:[^']|'')*)'")


class _UnknownError(Exception):
    """The pattern contains a construct that is not supported."""


def matching(definitions: str) -> Iterator[Values]:
    """Return values for each pattern that the definitions require."""
    for operator, similar, quoted in dict.fromkeys(_USED.findall(definitions)):
        text = quoted.replace("''", "'")
        try:
            places = _like(text) if operator.startswith("~~") else _Pattern(text, bool(similar)).places()
        except _UnknownError:
            continue
        if 0 < len(places) <= _MOST_PLACES:
            yield _values(places)


def _like(text: str) -> list[str]:
    """Return the places of a LIKE pattern: `%` stands for any text, `_` for any character."""
    places: list[str] = []
    for match in re.finditer(r"\\(.)|(%)|(_)|(.)", text, re.DOTALL):
        escaped, percent, underscore, character = match.groups()
        places += [_WORD] * _FREE if percent else [_WORD] if underscore else [escaped or character]
    return places


@dataclass
class _Pattern:
    """A regular expression that is read from left to right."""

    text: str
    similar: bool = False
    at: int = 0

    def places(self) -> list[str]:
        """Return the places of the whole expression."""
        places = self._alternatives()
        if self.at < len(self.text):
            raise _UnknownError
        is_open = not self.similar and not self.text.endswith("$")
        return places + [_WORD] * (_FREE if is_open else 0)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise _UnknownError
        self.at += 1
        return self.text[self.at - 1]

    def _alternatives(self) -> list[str]:
        first = self._sequence()
        while self._peek() == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> list[str]:
        places: list[str] = []
        while self._peek() not in {"", "|", ")"}:
            places += self._times(self._atom())
            if len(places) > _MOST_PLACES:
                raise _UnknownError
        return places

    def _atom(self) -> list[str]:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return [self._set()]
        if character == "\\":
            return [self._escape()]
        if character in ("%_" if self.similar else "."):
            return [_WORD] * (_FREE if character == "%" else 1)
        if character in "*+?{":
            raise _UnknownError
        return [] if character in "^$" and not self.similar else [character]

    def _group(self) -> list[str]:
        if self.text.startswith("?:", self.at):
            self.at += 2
        elif self._peek() == "?":
            raise _UnknownError
        inner = self._alternatives()
        if self._take() != ")":
            raise _UnknownError
        return inner

    def _escape(self) -> str:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.isalnum():
            raise _UnknownError
        return character

    def _set(self) -> str:
        end = re.compile(r"\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]").match(self.text, self.at)
        if end is None:
            raise _UnknownError
        text, self.at = self.text[self.at : end.end() - 1], end.end()
        negated, text = text.startswith("^"), text.removeprefix("^")
        characters = ""
        for match in re.finditer(r"\[:(\w+):\]|\\(.)|(.)-([^\\])|(.)", text, re.DOTALL):
            named, escaped, low, high, character = match.groups()
            if low:
                characters += "".join(map(chr, range(ord(low), min(ord(high), 0x7E) + 1)))
            else:
                characters += (
                    _NAMED.get(named, "") if named else _CLASSES.get(escaped, escaped) if escaped else character
                )
        if negated:
            characters = "".join(character for character in _WORD if character not in characters)
        if not characters:
            raise _UnknownError
        return characters

    def _times(self, places: list[str]) -> list[str]:
        quantifier = re.compile(r"([*+?])|\{(\d+)(,?)(\d*)\}").match(self.text, self.at)
        if quantifier is None:
            return places
        self.at = quantifier.end()
        if self._peek() == "?":  # a non-greedy quantifier
            self.at += 1
        sign, least, comma, most = quantifier.groups()
        if sign:
            return [] if sign == "?" else places * (_FREE if len(places) == 1 else 1)
        low = int(least)
        high = int(most) if most else max(low, _FREE) if comma else low
        return places * min(max(low, min(high, _FREE)), _MOST_PLACES + 1)


def _values(places: list[str]) -> Values:
    """Return values that count through the characters of the places; the last place changes fastest."""
    parts: list[str] = []
    count = 1
    for characters in reversed([_ordered(place) for place in places]):
        if len(characters) == 1 or count > _ENOUGH:
            parts.append(literal(characters[0]))
        else:
            parts.append(f"substr({literal(characters)}, (1 + ({N} / {count}) % {len(characters)})::int, 1)")
            count *= len(characters)
    return Values(" || ".join(reversed(parts)) + " || ''", count if count <= _ENOUGH else 0)


def _ordered(characters: str) -> str:
    """Return the characters with letters and digits first, so that a text does not begin with a hyphen."""
    return "".join(sorted(dict.fromkeys(characters), key=lambda character: not character.isalnum()))
