"""A statement that writes a whole table, cut into batches over the table's key that commit one by one."""

import re
from collections.abc import Iterator

from domain.migration.op_code import in_autocommit, quoted, sql_text

_TOKEN = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[\w$]+|\s+|.""", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_HEAD = re.compile(
    rf"\s*(?:UPDATE\s+(?:ONLY\s+)?{_NAME}(?:\.{_NAME})?\s+SET\s|DELETE\s+FROM\s+(?:ONLY\s+)?{_NAME}(?:\.{_NAME})?\s*(?:WHERE\b|;?\s*$))",
    re.IGNORECASE,
)
# With these a condition more does not simply go to the end; a text with a backslash or a dollar quote is not read here.
_OTHER_CLAUSES = {"FROM", "USING", "RETURNING", "CURRENT", "WITH"}
_OPAQUE = re.compile(r"\\|\$|%\(|--|/\*")
SIZE = 500


def in_batches(sql: str, table: str, key: str) -> str | None:
    """Write an UPDATE or DELETE as a loop over the key; None where the text does not let itself be cut.

    A batch may run twice, when the upgrade is killed before it is recorded: what an UPDATE computes from the very
    columns that it sets would come out differently then, so there is no loop for it.
    """
    text = sql.strip().rstrip(";").rstrip()
    words = list(_top(text))
    upper = [word.upper() for word, _, _ in words]
    if _HEAD.match(text) is None or _OPAQUE.search(text) or _OTHER_CLAUSES & {*upper[2:]}:
        return None
    where = next((place for place, word in enumerate(upper) if word == "WHERE"), None)
    end = len(text) if where is None else words[where][1]
    if upper[0] == "UPDATE" and _feeds_itself(text[words[upper.index("SET")][2] : end]):
        return None
    condition = "" if where is None else f"({text[words[where][2] :].strip()}) AND "
    batch = f"{key} IN (SELECT {key} FROM {table} WHERE {key} >= :first ORDER BY {key} LIMIT {SIZE})"  # noqa: S608 - text for a person
    first = sql_text(f"SELECT {key} FROM {table} ORDER BY {key} LIMIT 1")  # noqa: S608 - the same
    following = quoted(f"SELECT {key} FROM {table} WHERE {key} >= :first ORDER BY {key} OFFSET {SIZE} LIMIT 1")  # noqa: S608
    write = sql_text(f"{text[:end].rstrip()} WHERE {condition}")[:-1]
    quote = write[0]
    tail = batch.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return in_autocommit(
        "connection = op.get_bind()",
        f"first = connection.scalar(sa.text({first}))",
        "while first is not None:",
        f'    following = connection.scalar(sa.text({following}), {{"first": first}})',
        f'    connection.execute(sa.text({write}{tail}{quote}), {{"first": first}})',
        "    first = following",
    )


def _top(text: str) -> Iterator[tuple[str, int, int]]:
    """Return the words outside of parentheses, with their places."""
    depth = 0
    for found in _TOKEN.finditer(text):
        word = found.group()
        if depth == 0 and (word[0].isalnum() or word[0] == "_"):
            yield word, found.start(), found.end()
        depth += (word == "(") - (word == ")")


def _feeds_itself(assignments: str) -> bool:
    """Return whether what is set is also read: a column that is named more than once."""
    depth, starts, names, targets = 0, True, list[str](), list[str]()
    for word in _TOKEN.findall(assignments):
        named = word[0].isalnum() or word[0] in {"_", '"'}
        if named:
            names.append(word.strip('"').lower())
            if starts:
                targets.append(names[-1])
        if not word.isspace():
            starts = depth == 0 and word == ","
        depth += (word == "(") - (word == ")")
    return not targets or any(names.count(target) > 1 for target in targets)
