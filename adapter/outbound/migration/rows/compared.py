"""The values that an UPDATE or DELETE compares rows with, or works on within a column, as conditions on rows.

A row that had one of these values before an upgrade shows whether the downgrade tells it from the rows that the upgrade
has given that value, or has inserted with it. All texts are the server's, from the plan of the statement.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.sought import Sought, columns_of, parts_of, read_plan

MOST_VALUES = 20  # of one statement
_ANY = re.compile(r" = ANY \((?P<array>E?'(?:[^']|'')*'::[^']+\[\])\)")
_WORD = re.compile(r'(?<!::)(?<![\w$"])(?:"(?:[^"]|"")+"|[a-z_\u0080-\uffff][\w$]*)')  # keywords are in capitals
_PATH = re.compile(r"'\{(?:(?P<only>[^{}',\"\\]+)|[^{}'\"\\]+)\}'")  # an array of texts, with its only element
_PLAIN = re.compile(r"'(?:[^'%_\\]|'')+'")  # what LIKE takes literally
_LITERAL = re.compile(r"E?'(?:[^']|'')*'(?=::)")


def changes_by_values(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan updates or deletes rows by a condition, or updates them by an expression with literals."""
    return any(True for _ in _changes(plan)) and bool(read_plan(plan).conditions or list(_choices(plan, within=True)))


def searches_by_value(
    plan: Mapping[str, Any], elements_of: Callable[[str], list[str]], *, within: bool
) -> list[Sought]:
    """Return a search for each value that an UPDATE or DELETE compares with.

    Args:
        plan: The plan of the statement.
        elements_of: Returns the elements of an array, which is given as SQL.
        within: Whether also to search for values that have a literal of the UPDATE within them.
    """
    sought = read_plan(plan)
    variants = [
        (*sought.conditions[:place], alternative, *sought.conditions[place + 1 :])
        for place, condition in enumerate(sought.conditions)
        for alternative in _alternatives(condition, elements_of)
    ]
    variants = variants or ([sought.conditions] if sought.conditions else [])
    variants += [(*sought.conditions, choice) for choice in _choices(plan, within=within)]
    return [replace(sought, conditions=conditions) for conditions in dict.fromkeys(variants[:MOST_VALUES])]


def _alternatives(condition: str, elements_of: Callable[[str], list[str]]) -> Iterator[str]:
    """Return the conditions of which one suffices: the parts that OR joins, and each element of an IN list."""
    parts = list(parts_of(condition, " OR "))
    for part in parts:
        array = _ANY.search(part)
        if array is not None:
            element_type = array["array"].rpartition("::")[2].removesuffix("[]")
            for element in elements_of(array["array"]):
                yield part.replace(array[0], f" = {literal(element)}::{element_type}")
        elif len(parts) > 1:
            yield part


def _choices(plan: Mapping[str, Any], *, within: bool) -> Iterator[str]:
    """Return a condition for each value that a CASE names and each of its columns.

    With `within`, also for each literal in another new value, and each column that this is computed from.

    The plan of a single table has its columns without the alias, so that any word may be one. Conditions on a column
    that the table does not have are left out later.
    """
    for change in _changes(plan):
        for child in change.get("Plans", ()):
            for expression in child.get("Output", ()):
                own = [(str(child.get("Alias")), word) for word in _WORD.findall(_LITERAL.sub("", expression))]
                values = dict.fromkeys(_LITERAL.findall(expression))
                for alias, column in dict.fromkeys(columns_of(expression) or (own if "Alias" in child else ())):
                    for value in values:
                        if expression.startswith("CASE "):
                            yield f"(({alias}.{column})::text = {value}::text)"
                        elif within:
                            yield from _contains(f"{alias}.{column}", value)


def _contains(column: str, value: str) -> Iterator[str]:
    """Return conditions that a value of a column has a literal within it; the server refuses those of other types.

    An array has it as an element, an object as a key or at a path, and a text anywhere.
    """
    path = _PATH.fullmatch(value)
    if path is not None:
        yield f"(({column} #> {value}::text[]) IS NOT NULL)"
        value = f"'{path['only']}'" if path["only"] else ""
    if value and value != "''":
        yield f"({value}::text = ANY ({column}))"
        yield f"({column} ? {value}::text)"
    if _PLAIN.fullmatch(value):
        yield f"({column} ~~ '%{value[1:-1]}%'::text)"


def _changes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["Node Type"] == "ModifyTable" and node.get("Operation") in {"Update", "Delete", "Merge"}:
        yield node
    for child in node.get("Plans", ()):
        yield from _changes(child)
