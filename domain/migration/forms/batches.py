"""The batch form of a statement that writes a whole table: a loop over the primary key that commits each batch."""

import re
from collections.abc import Collection, Iterator
from itertools import chain, pairwise

from domain.migration.names import bare, folded
from domain.migration.op_code import in_autocommit, quoted, sql_text

_TOKEN = re.compile(r"""\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|[\w$]+|\s+|.""", re.DOTALL)
_NAME = r'(?:"(?:[^"]|"")+"|\w+)'
_HEAD = re.compile(
    rf"\s*(?:UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?(?P<table>{_NAME}(?:\.{_NAME})?)\s*(?:\b(?P<set>SET\s)|\bWHERE\b|$)",
    re.IGNORECASE,
)
# With these clauses, another condition cannot simply be appended to the text.
_OTHER_CLAUSES = {"FROM", "USING", "RETURNING", "CURRENT", "WITH"}
# Texts with backslashes, dollar quotes, parameters or comments are not parsed here.
_OPAQUE = re.compile(r"\\|\$|%\(|%s(?!\w)|--|/\*")
SIZE = 500


def in_batches(sql: str, table: str, *key: str, is_unique: bool = True) -> str | None:
    """Return an UPDATE or DELETE as a loop over the key; None if the statement has no such form.

    A batch may run twice, if the upgrade is killed before it is recorded. An UPDATE that reads the columns that it sets
    would then compute other values, so it has no such form. Neither has one that changes the key, nor a statement that
    queries its own table, whose rows the batches before have changed, nor one that writes the table through another
    one, such as a DELETE that cascades.

    Args:
        sql: Text of the statement.
        table: Table that it writes.
        key: Columns of the primary key.
        is_unique: Whether no two rows have the same key. In tables that inherit from this one, rows may have its keys.
    """
    text = sql.strip().rstrip(";").rstrip()
    words = list(_top(text))
    upper = [word.upper() for word, _, _ in words]
    head = _HEAD.match(text)
    clauses = {word for earlier, word in pairwise(upper[1:]) if (earlier, word) != ("DISTINCT", "FROM")}
    if head is None or _OPAQUE.search(text) or _OTHER_CLAUSES & clauses:
        return None
    if (upper[0] == "UPDATE") is (head["set"] is None):
        return None
    if folded(head["table"]) != bare(table) or _queries(text[head.end("table") :], bare(table)):
        return None
    where = next((place for place, word in enumerate(upper) if word == "WHERE"), None)
    end = len(text) if where is None else words[where][1]
    if upper[0] == "UPDATE" and _feeds_itself(text[words[upper.index("SET")][2] : end], key):
        return None
    condition = "" if where is None else f"({text[words[where][2] :].strip()}) AND "
    columns, values = ", ".join(key), ", ".join(f":{name}" for name in _parameters(key))
    left, right = (columns, values) if len(key) == 1 else (f"({columns})", f"({values})")
    rows = f"FROM {table} WHERE {left} >= {right} ORDER BY {columns}"
    keys = f"SELECT {'' if is_unique else 'DISTINCT '}{columns} {rows}"
    batch = f"{left} IN ({keys} LIMIT {SIZE})"
    first = sql_text(f"SELECT {columns} FROM {table} ORDER BY {columns} LIMIT 1")  # noqa: S608 - the same
    following = quoted(f"{keys} OFFSET {SIZE} LIMIT 1")
    write = sql_text(f"{text[:end].rstrip()} WHERE {condition}")[:-1]
    quote = write[0]
    tail = batch.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return _loop(key, f"sa.text({first})", f"sa.text({following})", f"sa.text({write}{tail}{quote})")


def _loop(key: Collection[str], first: str, following: str, write: str) -> str:
    """Return the loop that executes a statement for each batch, from the first key of one to that of the next."""
    head, *others = _parameters(key)
    if not others:
        return in_autocommit(
            "connection = op.get_bind()",
            f"first = connection.scalar({first})",
            "while first is not None:",
            f'    following = connection.scalar({following}, {{"{head}": first}})',
            f'    connection.execute({write}, {{"{head}": first}})',
            "    first = following",
        )
    names = ", ".join(f'"{name}"' for name in (head, *others))
    return in_autocommit(
        "connection = op.get_bind()",
        f"first = connection.execute({first}).first()",
        "while first is not None:",
        f"    key = dict(zip(({names}), first))",
        f"    following = connection.execute({following}, key).first()",
        f"    connection.execute({write}, key)",
        "    first = following",
    )


def _parameters(key: Collection[str]) -> list[str]:
    """Return the names of the parameters for the first key of a batch."""
    return ["first"] if len(key) == 1 else [f"first_{number}" for number, _ in enumerate(key, start=1)]


def fill(table: str, key: str | None, assignments: str, condition: str) -> str:
    """Return a loop of UPDATEs over the rows that meet a condition, each batch in a transaction of its own.

    Args:
        table: Table that it writes.
        key: Column of the primary key; None where it is not one column. Then the loop ends when no row meets the
            condition, so the assignments must see to that.
        assignments: What follows SET.
        condition: What follows WHERE.
    """
    update = f"UPDATE {table} SET {assignments} WHERE"  # noqa: S608 - text for a person
    by_key = None if key is None else in_batches(f"{update} {condition}", table, key)
    if by_key is not None:
        return by_key
    batch = sql_text(f"{update} ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {SIZE}))")  # noqa: S608
    return in_autocommit(f"while op.get_bind().execute(sa.text({batch})).rowcount:", "    pass")


def _top(text: str) -> Iterator[tuple[str, int, int]]:
    """Return the words outside of parentheses, with their start and end in the text."""
    depth = 0
    for match in _TOKEN.finditer(text):
        word = match.group()
        if depth == 0 and (word[0].isalnum() or word[0] == "_"):
            yield word, match.start(), match.end()
        depth += (word == "(") - (word == ")")


def _queries(text: str, table: str) -> bool:
    """Return whether a text reads a table in a query of its own."""
    words = [word for word in _TOKEN.findall(text) if not word.isspace()]
    sources = (words[place + 1 :] for place, word in enumerate(words) if word.upper() in {"FROM", "JOIN", "ONLY", ","})
    names = ((rest[2:3] if rest[1:2] == ["."] else rest[:1]) for rest in sources)
    return any(folded(name) == table for name in chain.from_iterable(names))


def _feeds_itself(assignments: str, key: Collection[str]) -> bool:
    """Return whether an assignment sets a column of the key, or reads a column that is also set.

    The name of such a column occurs more than once.
    """
    depth, starts_assignment, names, targets = 0, True, list[str](), list[str]()
    for word in _TOKEN.findall(assignments):
        is_name = word[0].isalnum() or word[0] in {"_", '"'}
        if is_name:
            names.append(word.strip('"').lower())
            if starts_assignment:
                targets.append(names[-1])
        if not word.isspace():
            starts_assignment = depth == 0 and word == ","
        depth += (word == "(") - (word == ")")
    keys = {bare(column).lower() for column in key}
    return not targets or any(target in keys or names.count(target) > 1 for target in targets)
