"""The table of ways in docs/isolation.md: written by the test, and compared with what the test saw."""

import os
from collections.abc import Iterable

from tests.integration.isolation.attacker import OVER, Outcome, Way, env_ways, revision_ways
from tests.support import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "isolation.md"
_BEGIN, _END = "<!-- ways: begin -->\n", "<!-- ways: end -->\n"
_HOW = "HEXALEMBIC_WRITE_DOCS=1 pytest -m '' tests/integration/test_isolation.py"
_GROUPS = {
    "psycopg_ways": "psycopg",
    "psycopg2_ways": "psycopg2, and what is built on it",
    "driver_ways": "Other drivers",
    "sqlalchemy_ways": "SQLAlchemy in a revision",
    "orm_ways": "Object mappers, and Alembic called from a revision",
    "process_ways": "Processes that a revision starts",
    "socket_ways": "Sockets and system calls",
    "server_ways": "SQL in the sandbox's server",
    None: "env.py connects by itself, and runs the migrations there",
}

Rows = dict[str, dict[str, str]]


def ending(outcome: Outcome) -> str:
    """Return how a way ended, in one word for the table."""
    if outcome.refused:
        return "refused"
    return "redirected" if outcome.answered.startswith("hexalembic_sandbox_") else outcome.answered


def check(outcomes: Iterable[Outcome]) -> None:
    """Compare the page's rows with the outcomes; write them instead where the environment says so."""
    found: Rows = {}
    for one in outcomes:
        found.setdefault(one.way, {})[one.over] = ending(one)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(_BEGIN)
    written, _, after = rest.partition(_END)
    expected = _read(written)
    wanted = {**expected, **{way: {**expected.get(way, {}), **row} for way, row in found.items()}}
    text = f"{before}{_BEGIN}{_table(wanted)}{_END}{after}"
    if os.environ.get("HEXALEMBIC_WRITE_DOCS"):
        PAGE.write_text(text, encoding="utf-8")
        return
    assert text == page, f"docs/isolation.md says otherwise; write it with: {_HOW}"


def _read(written: str) -> Rows:
    """Read the rows of the page; a way that is no longer there is left out."""
    names = {(_GROUPS[way.module], way.title): way.name for way in (*revision_ways(), *env_ways())}
    found: Rows = {}
    group = ""
    for line in written.splitlines():
        title, *cells = (cell.strip() for cell in line.removeprefix("|").removesuffix("|").split(" | "))
        if title in _GROUPS.values():
            group = title
        elif (group, title) in names:
            found[names[group, title]] = {over: cell for over, cell in zip(OVER, cells, strict=True) if cell}
    return found


def _table(rows: Rows) -> str:
    lines = []
    for module, group in _GROUPS.items():
        ways = [way for way in (*revision_ways(), *env_ways()) if way.module == module and way.name in rows]
        if ways:
            lines += ["", f"| {group} | TCP | Unix socket | abstract socket |", "|---|---|---|---|"]
            lines += [_row(way, rows[way.name]) for way in ways]
    return "\n".join([*lines, "", ""])


def _row(way: Way, row: dict[str, str]) -> str:
    return f"| {way.title.replace('|', chr(92) + '|')} | {' | '.join(row.get(over, '') for over in OVER)} |"
