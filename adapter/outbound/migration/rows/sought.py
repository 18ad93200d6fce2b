"""What a statement looked for that found no row, read from its plan.

The server writes conditions with a parenthesis around each part, every column with the alias of its relation, and every
literal with its type; bound parameters stand there as literals. What is not read here is left out: whether rows are
found then is seen when the statement runs again.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter")
_OWN_RESULTS = {"Aggregate", "GroupAggregate", "HashAggregate", "Group", "WindowAgg"}  # they filter what they computed
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
        schema: Its schema, unquoted.
        name: Its name, likewise.
    """

    schema: str
    name: str


@dataclass(frozen=True)
class Sought:
    """What a statement looked for.

    Attributes:
        relations: The tables where rows have to be, by their alias as SQL writes it.
        conditions: Conditions that hold for a row of each, as the server wrote them.
        others: Aliases of what is no table, such as a list of values.
        absent: Whether there must be no row of some table.
        grouped: Whether rows were put together before they were looked at.
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
    outputs: dict[str, Sequence[str]] = field(default_factory=dict)  # of subplans, and of what has an alias
    parameters: dict[str, str] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)  # subplans that shall give nothing
    absent: bool = False
    grouped: bool = False


def read_plan(plan: Mapping[str, Any]) -> Sought:
    """Read what EXPLAIN (VERBOSE, FORMAT JSON) says of a statement."""
    reader = _Reader()
    _note_outputs(reader, plan)
    _read(reader, plan)
    resolved = [_resolved(reader, text) for text in reader.conditions if not _denied(text)]
    conditions = tuple(dict.fromkeys(text for text in resolved if not _SUBPLAN.search(_QUOTED.sub("", text))))
    return Sought(reader.relations, conditions, frozenset(reader.others), reader.absent, reader.grouped)


def looks_for_rows(plan: Mapping[str, Any]) -> bool:
    """Return whether a plan reads tables of a user's, and compares what it finds there with anything."""
    sought = read_plan(plan)
    named = [each for each in sought.relations.values() if not _is_system(each.schema)]
    return bool(named and (sought.conditions or sought.absent) and not sought.grouped)


def _is_system(schema: str) -> bool:
    return schema.startswith("pg_") or schema == "information_schema"


def replace_columns(condition: str, replacement: Callable[[str, str], str]) -> str:
    """Replace each column of a condition by what is given for its alias and its name, as SQL writes them."""

    def put(found: re.Match[str]) -> str:
        return found[0] if found["text"] is not None else replacement(found["alias"], found["column"])

    return _TOKEN.sub(put, condition)


def columns_of(condition: str) -> list[tuple[str, str]]:
    """Return the columns of a condition with their aliases, as SQL writes them."""
    return [(found["alias"], found["column"]) for found in _TOKEN.finditer(condition) if found["text"] is None]


def _note_outputs(reader: _Reader, node: Mapping[str, Any]) -> None:
    name = str(node.get("Subplan Name", ""))
    output = list(node.get("Output", ()))
    if name:
        reader.outputs[name.partition(" (")[0]] = output
        found = _RETURNS.search(name)
        if found:
            reader.parameters.update(zip(found[1].replace("$", "").split(","), output, strict=False))
    if node["Node Type"] == "Subquery Scan":
        reader.outputs[str(node["Alias"])] = list(node["Plans"][0].get("Output", ()))
    for condition in _own_conditions(node):
        if _denied(condition):
            reader.unwanted.update(re.findall(r"SubPlan \d+", condition))
    for child in node.get("Plans", ()):
        _note_outputs(reader, child)


def _denied(condition: str) -> bool:
    """Tell a condition that a subplan gives nothing: a new row is in no other table."""
    return condition.startswith("(NOT ") and re.search(r"SubPlan \d", condition) is not None


def _read(reader: _Reader, node: Mapping[str, Any]) -> None:
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
        children = [each for each in children if each.get("Parent Relationship") != unwanted]
    for child in children:
        if str(child.get("Subplan Name", "")) in reader.unwanted:
            reader.absent = True
        else:
            _read(reader, child)


def _alias(node: Mapping[str, Any]) -> str:
    """Return the alias of a node as SQL writes it, which the plan has without quotes."""
    alias = str(node.get("Alias", ""))
    return alias if re.fullmatch(r"[a-z_][a-z0-9_$]*", alias) or not alias else '"' + alias.replace('"', '""') + '"'


def _own_conditions(node: Mapping[str, Any]) -> Iterator[str]:
    for name in _CONDITIONS:
        if name in node:
            yield from _parts(str(node[name]))


def _parts(condition: str) -> Iterator[str]:
    """Cut a condition where all of its parts must hold."""
    text = condition.strip()
    inner = text[1:-1] if text.startswith("(") and _end(text, 0) == len(text) - 1 else text
    cuts, place, depth = [], 0, 0
    while place < len(inner):
        quoted = _QUOTED.match(inner, place) or re.compile(r'"(?:[^"]|"")*"').match(inner, place)
        if quoted:
            place = quoted.end()
            continue
        depth += (inner[place] == "(") - (inner[place] == ")")
        if depth == 0 and inner.startswith(" AND ", place):
            cuts.append(place)
        place += 1
    if not cuts:
        yield text
        return
    starts = [0, *(each + len(" AND ") for each in cuts)]
    for start, end in zip(starts, [*cuts, len(inner)], strict=True):
        yield from _parts(inner[start:end])


def _end(text: str, start: int) -> int:
    """Return where the parenthesis ends that begins at a place."""
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
    """Put the columns of tables in the places of what subplans and subqueries give, where these are just columns."""

    def result(found: re.Match[str]) -> str:
        output = reader.outputs.get(found[1], ())
        place = int(found[2]) - 1
        return output[place] if place < len(output) and _is_column(output[place]) else found[0]

    def parameter(found: re.Match[str]) -> str:
        given = reader.parameters.get(found[1], "")
        return given if _is_column(given) else found[0]

    def column(alias: str, name: str) -> str:
        same = [
            each for each in reader.outputs.get(alias.strip('"'), ()) if _is_column(each) and each.endswith(f".{name}")
        ]
        return same[0] if alias in reader.others and same else f"{alias}.{name}"

    text = _PARAMETER.sub(parameter, _RESULT.sub(result, condition))
    # `= ANY` over a subplan is a condition on one of its rows
    text = re.sub(rf"^\(ANY \(({_WORD}\.{_WORD} = {_WORD}\.{_WORD})\)\)$", r"(\1)", text)
    return replace_columns(text, column)


def _is_column(text: str) -> bool:
    return re.fullmatch(rf"{_WORD}\.{_WORD}", text) is not None
