"""Candidate expressions for columns under a check, derived from the literals in its definition."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from adapter.outbound.migration.rows.catalog import Column, Schema, Type
from adapter.outbound.migration.rows.patterns import matching
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import (
    LONG,
    NUMBERS,
    TEXTS,
    TIMES,
    N,
    Values,
    default_values,
    letters,
    pool_of,
)

_MOST_ITEMS = 100
_MAX_LENGTH = 20_000
_ADDS_UP = 2**30  # from here on, the sum of a number and that of a row may be beyond an integer


def candidates(schema: Schema, column: Column, definitions: str, texts: str) -> Iterator[Values]:
    """Return candidate expressions for a column under checks, roughly those with the most distinct values first."""
    kind, modifier = schema.base(column.type, column.modifier)
    strings, numbers = literals_in(definitions)
    yield default_values(schema, column.type, column.modifier, texts)
    if kind.name in TEXTS:
        yield from matching(definitions)
        if "::json" in definitions:
            for values in _json_candidates("jsonb", definitions, strings, numbers):
                yield Values(f"({values.expression})::text", values.count)
        yield from _text_candidates(modifier - 4 if modifier > 0 else 0, numbers)
    elif kind.name in NUMBERS:
        yield from _number_candidates(kind.name, numbers + [float(text) for text in strings if _is_number(text)])
    elif kind.name in TIMES:
        yield from _time_candidates(kind.name, strings)
    elif kind.category == "A":
        yield from _array_candidates(schema, kind, strings, numbers, texts)
    else:
        if kind.name in {"json", "jsonb"}:
            yield from _json_candidates(kind.name, definitions, strings, numbers)
        if kind.name == "hstore" and strings:
            yield _pairs(strings)
        yield from (Values(expression, count) for expression, count in _OTHERS.get(kind.name, ()))
        if kind.name == "bytea":
            yield from (
                Values(f"decode(lpad(md5({N}::text), {2 * int(size)}, '0'), 'hex')")
                for size in numbers
                if 0 < size < _MAX_LENGTH
            )


_OTHERS: dict[str, tuple[tuple[str, int], ...]] = {
    "json": (("'{}'", 1), (f"json_build_array({N})", 0), (f"to_json({N})", 0), (f"to_json('v' || {N})", 0)),
    "jsonb": (("'{}'", 1), (f"jsonb_build_array({N})", 0), (f"to_jsonb({N})", 0), (f"to_jsonb('v' || {N})", 0)),
    "bool": (("true", 1), ("false", 1)),
    "uuid": ((f"overlay(overlay(md5({N}::text) placing '4' from 13) placing '8' from 17)", 0),),
    "interval": ((f"{N} * interval '1 second'", 0), (f"{N} * interval '1 day'", 0), ("interval '0'", 1)),
}


_ARROWS = re.compile(r"->>?\s*'((?:[^']|'')*)'(?:::text)?")
_PATHS = re.compile(r"#>>?\s*'\{([^{}']*)\}'")
_KEYS = re.compile(r"\?[&|]?\s*(?:ARRAY\[)?'((?:[^']|'')*)'")
_CONTAINED = re.compile(r"@>\s*'((?:[^']|'')*)'")


def _json_candidates(name: str, definitions: str, strings: Sequence[str], numbers: Sequence[float]) -> Iterator[Values]:
    """Return objects with the keys and paths that the definitions mention, with values of several types."""
    tree = _looked_for(definitions)
    if not tree:
        return
    keys = _keys_of(tree)
    words = [text for text in strings if text not in keys and not text.startswith(("{", "["))]
    values = [Values(f"'value-' || {N}"), *([pool_of(words, "text")] if words else [])]
    values += [Values(N), Values("true", 1), Values(f"{name}_build_array({N})"), Values(f"{name}_build_object()")]
    for leaf_values in [*values, *_text_candidates(0, numbers), *_number_candidates("numeric", numbers)]:
        yield Values(_json_object(name, tree, leaf_values.expression), leaf_values.count)


def _pairs(keys: Sequence[str]) -> Values:
    """Return the text of an hstore with some keys."""
    quoted_keys = ('"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in keys)
    return Values(" || ', ' || ".join(f"{literal(f'{key}=>')} || {N}" for key in quoted_keys))


_OTHER_VALUES = ("3", "null", "true", '{"a": 1}', '["b"]')


def documents_of_other_types(name: str, definitions: str) -> list[str]:
    """Return objects of type `json` or `jsonb` that have something else than a text under the keys of definitions."""
    tree = _looked_for(definitions)
    return [_json_object(name, tree, f"{literal(value)}::{name}") for value in _OTHER_VALUES] if tree else []


def _looked_for(definitions: str) -> dict[str, Any]:
    """Return one document with every path that the definitions mention; a leaf without a known value is None."""
    tree: dict[str, Any] = {}
    chain: list[str] = []
    end = -1
    for arrow in _ARROWS.finditer(definitions):
        if definitions[end : arrow.start()].strip(" )") or end < 0:
            _add_path(tree, chain)
            chain = []
        chain.append(arrow[1].replace("''", "'"))
        end = arrow.end()
    _add_path(tree, chain)
    for path in _PATHS.findall(definitions):
        _add_path(tree, [key.strip('" ') for key in path.split(",")])
    for key in _KEYS.findall(definitions):
        _add_path(tree, [key.replace("''", "'")])
    for document_text in _CONTAINED.findall(definitions):
        with suppress(ValueError):
            document = json.loads(document_text.replace("''", "'"))
            tree.update(document if isinstance(document, dict) else {})
    return tree


def _add_path(tree: dict[str, Any], path: Sequence[str]) -> None:
    for key in path[:-1]:
        subtree = tree.get(key)
        tree[key] = subtree if isinstance(subtree, dict) else {}
        tree = tree[key]
    if path:
        tree.setdefault(path[-1], None)


def _keys_of(tree: Mapping[str, Any]) -> set[str]:
    inner = (_keys_of(subtree) for subtree in tree.values() if isinstance(subtree, dict))
    return set(tree).union(*inner)


def _json_object(name: str, tree: Mapping[str, Any], value: str) -> str:
    members = (f"{literal(key)}, {_json_leaf(name, leaf, value)}" for key, leaf in tree.items())
    return f"{name}_build_object({', '.join(members)})"


def _json_leaf(name: str, leaf: object, value: str) -> str:
    if isinstance(leaf, dict):
        return _json_object(name, leaf, value)
    return value if leaf is None else f"{literal(json.dumps(leaf))}::{name}"


def literals_in(definitions: str) -> tuple[list[str], list[float]]:
    """Return the string literals and the numbers in definitions, each without duplicates."""
    strings = [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", definitions)]
    # an array literal holds several values in one string: '{a,b}'::text[]
    strings += [item.strip('" ') for text in strings if re.fullmatch(r"\{.*\}", text) for item in text[1:-1].split(",")]
    bare = re.sub(r"'(?:[^']|'')*'", " ", definitions)
    numbers = [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])", bare)]
    # the bounds of a quantifier in a regular expression, such as {2,5}
    numbers += [float(digits) for string in strings for digits in re.findall(r"\d+", string)[:8] if len(digits) < LONG]
    return list(dict.fromkeys(strings)), list(dict.fromkeys(numbers))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


def _text_candidates(length: int, numbers: Sequence[float]) -> Iterator[Values]:
    for expression in (
        f"'user' || {N} || '@example.com'",
        f"'https://example.com/' || {N}",
        f"'Value ' || {N}",
        f"'value_' || {N}",
        f"'VALUE' || {N}",
        f"'VALUE-' || {N}",
        f"'/value/' || {N}",
        f"'+1555' || lpad(({N} % 10000000)::text, 7, '0')",
        f"'#' || lpad(to_hex({N} % 16777216), 6, '0')",
        f"'1.0.' || {N}",
        f"'10.0.' || ({N} / 250) % 250 || '.' || {N} % 250",
        f"(date '2024-01-01' + ({N} % 36500)::int)::text",
        f"md5({N}::text)::uuid::text",
        f"md5({N}::text)",
        f"encode(sha256({N}::text::bytea), 'hex')",
        f"{N}::text",
        f"'{{\"n\": ' || {N} || '}}'",
    ):
        yield Values(expression)
    lengths = [int(number) for number in numbers if 0 < number <= _MAX_LENGTH]
    for size in dict.fromkeys(
        [*([length] if length else []), 8, *lengths, *(length + 1 for length in lengths), 2, 3, 1]
    ):
        for first in "aA0":
            yield letters(size, first)
    locale = f"chr((97 + {N} % 26)::int) || chr((97 + ({N} / 26) % 26)::int)"
    yield Values(locale + f" || '-' || upper({locale})", 676)
    yield Values("''", 1)


def _number_candidates(name: str, numbers: Sequence[float]) -> Iterator[Values]:
    whole = name.startswith("int")
    ordered = sorted(set(numbers))
    pairs = list(itertools.pairwise(ordered))
    if len(ordered) > 2:  # noqa: PLR2004 - with two numbers, the only pair is already the widest range
        pairs.insert(0, (ordered[0], ordered[-1]))
    for low, high in pairs:
        if whole:
            yield _whole(low, high)
        yield _between(low, high, whole=whole)
    for bound in ordered:
        number = number_sql(bound)
        if abs(bound) >= _ADDS_UP:
            number = f"({number}::numeric)"
        yield from (Values(f"({number} + {N})"), Values(f"({number} - {N})"), Values(number, 1))
        yield Values(f"({number} * {N})")
        yield _between(0, bound, whole=whole) if bound > 0 else _between(bound, 0, whole=whole)
    yield from (
        Values(f"(-{N})"),
        _between(0, 1, whole=False),
        _between(0, 9, whole=True),
        _between(0, 99, whole=True),
    )
    yield from (Values("0", 1), Values("1", 1), Values(f"(2 * {N})"), Values(f"(2 * {N} + 1)"))


def _whole(low: float, high: float) -> Values:
    """Return all whole numbers between two bounds, both included."""
    first, last = math.ceil(low), math.floor(high)
    return Values(f"({first} + {N} % {max(last - first, 0) + 1})", max(last - first, 0) + 1)


def _between(low: float, high: float, *, whole: bool) -> Values:
    """Return values between two bounds; the bounds are excluded where other values lie between them."""
    if not whole or high - low < 1:
        return Values(
            f"({number_sql(low)} + ({number_sql(high)} - ({number_sql(low)}))::numeric * (1 + {N} % 997) / 1000)", 997
        )
    first, last = math.ceil(low), math.floor(high)
    if last - first >= 2:  # noqa: PLR2004 - something lies strictly between
        first, last = first + 1, last - 1
    return Values(f"({first} + {N} % {last - first + 1})", last - first + 1)


def number_sql(value: float) -> str:
    """Return a number as SQL, in parentheses so that adjacent operators do not change its sign."""
    return f"({int(value)})" if value == int(value) else f"({value!r})"


def _time_candidates(name: str, strings: Sequence[str]) -> Iterator[Values]:
    dates = sorted(text for text in strings if re.match(r"\d{4}-\d\d-\d\d", text))
    pairs = list(itertools.pairwise(dates))
    if len(dates) > 2:  # noqa: PLR2004 - see _number_candidates
        pairs.insert(0, (dates[0], dates[-1]))
    for low, high in pairs:
        start, end = f"timestamptz {literal(low)}", f"timestamptz {literal(high)}"
        yield Values(f"({start} + ({end} - {start}) * ((1 + {N} % 9973) / 9975.0))", 9973)
    step = "1 day" if name == "date" else "1 minute"
    for date in dates:
        for sign in "+-":
            yield Values(f"(timestamptz {literal(date)} {sign} {N} * interval '{step}')")
    yield Values(f"(current_date + {N}::int * interval '{step}' + interval '1 day')")
    yield Values(f"(current_date - {N}::int * interval '{step}')")


def _array_candidates(
    schema: Schema, kind: Type, strings: Sequence[str], numbers: Sequence[float], texts: str
) -> Iterator[Values]:
    words = [literal(text) for text in strings if not text.startswith("{")] or [
        number_sql(number) for number in numbers
    ]
    if words:
        yield Values(f"ARRAY[{', '.join(words)}]", 1)
    values = default_values(schema, kind.element, -1, texts)
    for size in dict.fromkeys([1, *(int(number) for number in numbers if 0 < number <= _MOST_ITEMS)]):
        yield Values(f"ARRAY[{', '.join(values.at(f'{N} + {place}') for place in range(size))}]", values.count)
    yield Values("'{}'", 1)
