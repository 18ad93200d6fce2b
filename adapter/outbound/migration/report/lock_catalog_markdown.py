"""The lock catalog as a Markdown page, and a parser that reads the rows of the page."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from domain.migration.lock_catalog import COLUMNS, OPERATION, CatalogRow, differences

_HEAD = """\
# The lock catalog

This page shows what Postgres does in {count} operations, measured on Postgres {majors}.
The tracer of `migrate analyze` runs each operation and reads from the server which locks it takes and what it
rewrites and scans. `migrate locks` writes this page. `migrate locks --check` fails if the page and the server
disagree.

- **lock on its table**: the strongest lock mode on the table that the operation changes, which is mostly `orders`.
- **other locks**: locks on other relations that existed before. ACCESS SHARE is left out, and so are locks on an
  index that are no stronger than the lock on its table. For operations that run outside a transaction, locks on
  indexes are left out, because they last only for moments.
- **stops**: what waits until the transaction ends, on the table itself if no other table is named. A locked index
  stops every query of its table, because the planner looks at all indexes.
- **rewrites**: tables and indexes that are rewritten. **scans**: tables that are read from end to end. **builds
  index**: indexes that are built. All of these take longer the larger the table is.
- **in a transaction**: whether the operation can run in a transaction. With Alembic, put an operation that cannot
  into an `autocommit_block()`.

Where the major versions differ, each of them has a line. A lock that lasts only an instant does no harm by itself.
But while it waits for a running query, all later queries of the table wait, too: set a `lock_timeout`. The tables
have 1,000 rows. `orders` refers to `users`, `events` has the partition `january`, and `chunks` has embeddings.
"""
_ROW = re.compile(r"\*\*(?P<name>.+?)\*\*(?P<code>(?:<br>`[^`]+`)*)(?:<br>(?P<note>.+))?")
_MAJOR = re.compile(r"(\d+): (.*)")


def render(rows: Sequence[CatalogRow]) -> str:
    """Return the page."""
    majors = " and ".join(str(major) for major in sorted({major for row in rows for major in row.facts}))
    lines = [_HEAD.format(count=len(rows), majors=majors)]
    for group, members in groupby(rows, key=lambda row: row.group):
        lines += [f"## {group}", "", _line((OPERATION, *COLUMNS)), _line(["---"] * (len(COLUMNS) + 1))]
        lines += [_line([_operation(row), *(_cell(row, column) for column in COLUMNS)]) for row in members]
        lines.append("")
    return "\n".join(lines)


def disagreements(page: str, rows: Sequence[CatalogRow]) -> list[str]:
    """Return the disagreements between a page and a measurement; empty if there are none."""
    rows_of_page = read(page)
    lines = differences(rows_of_page, rows)
    if not lines and render(rows_of_page) != page:
        return ["the page has been changed by hand, or this command writes it differently now"]
    return lines


def read(page: str) -> list[CatalogRow]:
    """Read the rows of a page; lines that cannot be parsed are skipped."""
    versions = re.search(r"measured on Postgres ([\d and]+)", page)
    majors = [int(major) for major in re.findall(r"\d+", versions[1])] if versions else []
    rows, group = [], ""
    for line in page.splitlines():
        group = line.removeprefix("## ") if line.startswith("## ") else group
        operation, *cells = (cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("| ")))
        head = _ROW.fullmatch(operation.strip())
        if head and len(cells) == len(COLUMNS):
            texts = [_by_major(cell.strip(), majors) for cell in cells]
            facts = {
                major: {column: text[major] for column, text in zip(COLUMNS, texts, strict=True)} for major in majors
            }
            code = tuple(re.findall(r"`([^`]+)`", head["code"]))
            rows.append(CatalogRow(group, head["name"], code, head["note"] or "", facts))
    return rows


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _operation(row: CatalogRow) -> str:
    parts = [f"**{row.name}**", *(f"`{code}`" for code in row.code), *([row.note] if row.note else [])]
    return _escaped("<br>".join(parts))


def _cell(row: CatalogRow, column: str) -> str:
    texts = {major: facts[column] for major, facts in sorted(row.facts.items())}
    if len(set(texts.values())) == 1:
        return _escaped(next(iter(texts.values())))
    return _escaped("<br>".join(f"{major}: {text}" for major, text in texts.items()))


def _by_major(cell: str, majors: Iterable[int]) -> dict[int, str]:
    parts = [_MAJOR.fullmatch(part) for part in cell.split("<br>")]
    texts = {int(part[1]): part[2] for part in parts if part}
    return {major: texts.get(major, cell) for major in majors}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
