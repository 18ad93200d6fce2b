"""The values that an UPDATE or DELETE compares rows with, and those that a CASE chooses from, as conditions on rows.

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
_LITERAL = re.compile(r"E?'(?:[^']|'')*'(?=::)")


def changes_by_values(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan updates or deletes rows that pass some condition, or updates them by a CASE."""
    return any(True for _ in _changes(plan)) and bool(read_plan(plan).conditions or list(_choices(plan)))


def searches_by_value(plan: Mapping[str, Any], elements_of: Callable[[str], list[str]]) -> list[Sought]:
    """Return a search for each value that an UPDATE or DELETE compares with.

    Args:
        plan: The plan of the statement.
        elements_of: Returns the elements of an array, which is given as SQL.
    """
    sought = read_plan(plan)
    variants = [
        (*sought.conditions[:place], alternative, *sought.conditions[place + 1 :])
        for place, condition in enumerate(sought.conditions)
        for alternative in _alternatives(condition, elements_of)
    ]
    variants = variants or ([sought.conditions] if sought.conditions else [])
    variants += [(*sought.conditions, choice) for choice in _choices(plan)]
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


def _choices(plan: Mapping[str, Any]) -> Iterator[str]:
    """Return a condition for each value that a CASE names and each of its columns.

    The plan of a single table has its columns without the alias, so that any word may be one. Conditions on a column
    that the table does not have are left out later.
    """
    for change in _changes(plan):
        for child in change.get("Plans", ()):
            for expression in child.get("Output", ()):
                if not expression.startswith("CASE "):
                    continue
                own = [(str(child.get("Alias")), word) for word in _WORD.findall(_LITERAL.sub("", expression))]
                values = dict.fromkeys(_LITERAL.findall(expression))
                for alias, column in dict.fromkeys(columns_of(expression) or (own if "Alias" in child else ())):
                    yield from (f"(({alias}.{column})::text = {value}::text)" for value in values)


def _changes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["Node Type"] == "ModifyTable" and node.get("Operation") in {"Update", "Delete", "Merge"}:
        yield node
    for child in node.get("Plans", ()):
        yield from _changes(child)
