"""The conditions of a statement that found no row, read from its plan.

The server writes conditions with parentheses around each part, with the alias of its relation before every column, and
with the type after every literal; bound parameters appear as literals. Parts of a plan that are not understood are
ignored. Whether the statement then finds rows shows when it runs again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter")
# Filters of these nodes apply to computed values.
_OWN_RESULTS = {"Aggregate", "GroupAggregate", "HashAggregate", "Group", "WindowAgg"}
_WORD = r'(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$]*)'
_TOKEN = re.compile(
    rf"(?<!::)(?P<text>E?'(?:[^']|'')*')|(?<!::)(?P<alias>{_WORD})\.(?P<column>{_WORD})(?![\w$.]|\s*\()"
)
_RESULT = re.compile(r"\((?:hashed )?((?:Init|Sub)Plan \d+)\)\.col(\d+)")
_PARAMETER = re.compile(r"\$(\d+)")
_RETURNS = re.compile(r"returns ([$\d,]+)")
_SUBPLAN = re.compile(r"(?:Init|Sub)Plan \d+|\$\d")
_QUOTED = re.compile(r"E?'(?:[^']|'')*'")


@dataclass(frozen=True)
class Relation:
    """A table that a plan reads.

    Attributes:
        schema: The unquoted schema of the table.
        name: The unquoted name of the table.
    """

    schema: str
    name: str


@dataclass(frozen=True)
class Sought:
    """The tables and conditions of a statement.

    Attributes:
        relations: The tables that need rows, by alias, quoted for SQL where necessary.
        conditions: Conditions on the rows of these tables, as the server wrote them.
        others: Aliases of relations that are not tables, such as a list of values.
        absent: Whether the statement requires that some table has no matching row.
        grouped: Whether the plan aggregates rows or computes window functions.
    """

    relations: Mapping[str, Relation]
    conditions: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    absent: bool = False
    grouped: bool = False


@dataclass
class _Reader:
    relations: dict[str, Relation] = field(default_factory=dict)
    conditions: dict[str, None] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    outputs: dict[str, Sequence[str]] = field(default_factory=dict)  # by subplan, subquery or CTE alias
    parameters: dict[str, str] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)  # subplans that must return no row
    absent: bool = False
    grouped: bool = False


def read_plan(plan: Mapping[str, Any]) -> Sought:
    """Return the tables and conditions in a plan of EXPLAIN (VERBOSE, FORMAT JSON)."""
    reader = _Reader()
    _note_outputs(reader, plan)
    _read_node(reader, plan)
    resolved = [_resolved(reader, condition) for condition in reader.conditions if not _is_denied(condition)]
    conditions = tuple(
        dict.fromkeys(condition for condition in resolved if not _SUBPLAN.search(_QUOTED.sub("", condition)))
    )
    return Sought(reader.relations, conditions, frozenset(reader.others), reader.absent, reader.grouped)


def looks_for_rows(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan reads user tables under some condition and does not aggregate."""
    sought = read_plan(plan)
    user_relations = [relation for relation in sought.relations.values() if not _is_system(relation.schema)]
    return bool(user_relations and (sought.conditions or sought.absent) and not sought.grouped)


def _is_system(schema: str) -> bool:
    return schema.startswith("pg_") or schema == "information_schema"


def replace_columns(condition: str, replacement: Callable[[str, str], str]) -> str:
    """Return a condition with each column replaced by what `replacement` returns for its alias and its name."""

    def replaced(token: re.Match[str]) -> str:
        return token[0] if token["text"] is not None else replacement(token["alias"], token["column"])

    return _TOKEN.sub(replaced, condition)


def columns_of(condition: str) -> list[tuple[str, str]]:
    """Return the columns of a condition, as pairs of alias and name, quoted as in the SQL."""
    return [(token["alias"], token["column"]) for token in _TOKEN.finditer(condition) if token["text"] is None]


def _note_outputs(reader: _Reader, node: Mapping[str, Any]) -> None:
    name = str(node.get("Subplan Name", ""))
    output = list(node.get("Output", ()))
    if name:
        reader.outputs[name.partition(" (")[0]] = output
        returned = _RETURNS.search(name)
        if returned:
            reader.parameters.update(zip(returned[1].replace("$", "").split(","), output, strict=False))
    if node["Node Type"] == "Subquery Scan":
        reader.outputs[str(node["Alias"])] = list(node["Plans"][0].get("Output", ()))
    for condition in _own_conditions(node):
        if _is_denied(condition):
            reader.unwanted.update(re.findall(r"SubPlan \d+", condition))
    for child in node.get("Plans", ()):
        _note_outputs(reader, child)


def _is_denied(condition: str) -> bool:
    """Return whether a condition requires that a subplan returns nothing, which holds for a new row."""
    return condition.startswith("(NOT ") and re.search(r"SubPlan \d", condition) is not None


def _read_node(reader: _Reader, node: Mapping[str, Any]) -> None:
    kind, alias = node["Node Type"], _alias(node)
    if kind != "ModifyTable" and "Relation Name" in node and alias:
        reader.relations[alias] = Relation(node["Schema"], node["Relation Name"])
    elif alias and kind != "ModifyTable":
        reader.others.add(alias)
        if kind == "CTE Scan":
            reader.outputs.setdefault(alias, reader.outputs.get(f"CTE {node.get('CTE Name')}", ()))
    reader.grouped = reader.grouped or kind in _OWN_RESULTS
    joins_nothing = node.get("Join Type") in {"Anti", "Right Anti"}
    if kind not in _OWN_RESULTS and not joins_nothing:
        reader.conditions.update(dict.fromkeys(_own_conditions(node)))
    children = list(node.get("Plans", ()))
    if joins_nothing:
        reader.absent = True
        unwanted = "Outer" if node["Join Type"] == "Right Anti" else "Inner"
        children = [child for child in children if child.get("Parent Relationship") != unwanted]
    for child in children:
        if str(child.get("Subplan Name", "")) in reader.unwanted:
            reader.absent = True
        else:
            _read_node(reader, child)


def _alias(node: Mapping[str, Any]) -> str:
    """Return the alias of a node, quoted for SQL where necessary; the plan has it without quotes."""
    alias = str(node.get("Alias", ""))
    return alias if re.fullmatch(r"[a-z_][a-z0-9_$]*", alias) or not alias else '"' + alias.replace('"', '""') + '"'


def _own_conditions(node: Mapping[str, Any]) -> Iterator[str]:
    for name in _CONDITIONS:
        if name in node:
            yield from parts_of(str(node[name]), " AND ")


def parts_of(condition: str, operator: str) -> Iterator[str]:
    """Return the parts of a condition that an operator joins, at any depth.

    Args:
        condition: A condition as the server writes it.
        operator: AND or OR, with a blank on either side.
    """
    text = condition.strip()
    inner = text[1:-1] if text.startswith("(") and _end(text, 0) == len(text) - 1 else text
    cuts, place, depth = [], 0, 0
    while place < len(inner):
        quoted = _QUOTED.match(inner, place) or re.compile(r'"(?:[^"]|"")*"').match(inner, place)
        if quoted:
            place = quoted.end()
            continue
        depth += (inner[place] == "(") - (inner[place] == ")")
        if depth == 0 and inner.startswith(operator, place):
            cuts.append(place)
        place += 1
    if not cuts:
        yield text
        return
    starts = [0, *(cut + len(operator) for cut in cuts)]
    for start, end in zip(starts, [*cuts, len(inner)], strict=True):
        yield from parts_of(inner[start:end], operator)


def _end(text: str, start: int) -> int:
    """Return the position of the parenthesis that closes the one at `start`; -1 where there is none."""
    depth, place = 0, start
    while place < len(text):
        quoted = _QUOTED.match(text, place) or re.compile(r'"(?:[^"]|"")*"').match(text, place)
        if quoted:
            place = quoted.end()
            continue
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
        place += 1
    return -1


def _resolved(reader: _Reader, condition: str) -> str:
    """Return a condition with outputs of subplans and subqueries replaced, where these are plain table columns."""

    def result(match: re.Match[str]) -> str:
        output = reader.outputs.get(match[1], ())
        place = int(match[2]) - 1
        return output[place] if place < len(output) and _is_column(output[place]) else match[0]

    def parameter(match: re.Match[str]) -> str:
        output = reader.parameters.get(match[1], "")
        return output if _is_column(output) else match[0]

    def column(alias: str, name: str) -> str:
        matching_outputs = [
            output
            for output in reader.outputs.get(alias.strip('"'), ())
            if _is_column(output) and output.endswith(f".{name}")
        ]
        return matching_outputs[0] if alias in reader.others and matching_outputs else f"{alias}.{name}"

    text = _PARAMETER.sub(parameter, _RESULT.sub(result, condition))
    # `= ANY` over a subplan requires one matching row of the subplan
    text = re.sub(rf"^\(ANY \(({_WORD}\.{_WORD} = {_WORD}\.{_WORD})\)\)$", r"(\1)", text)
    return replace_columns(text, column)


def _is_column(text: str) -> bool:
    return re.fullmatch(rf"{_WORD}\.{_WORD}", text) is not None
