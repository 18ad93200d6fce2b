"""The attacker's side: tries one way from a revision or from env.py, and notes how it ended.

This file is copied into the attacking project and imports nothing of the tests.
"""

import importlib
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

HERE = Path(__file__).parent


def address(way: str, over: str) -> SimpleNamespace:
    """Return where the victim is, as a way is told: the user is named after the way, for the victim's log."""
    given = json.loads((HERE / "victim.json").read_text())
    host = given[over]
    path = None if over == "tcp" else f"{host.replace('@', chr(0))}/.s.PGSQL.{given['port']}"

    def sqlalchemy(driver: str) -> str:
        where = f"{host}:{given['port']}" if path is None else ""
        query = "" if path is None else f"?host={quote(host, safe='')}&port={given['port']}"
        return f"postgresql+{driver}://{way}@{where}/shop{query}"

    return SimpleNamespace(
        **{
            name: given[name]
            for name in ("port", "psql", "libpq", "victim_data", "victim_pid", "test_pid", "test_namespace")
        },
        host=host,
        path=path,
        over=over,
        user=way,
        database="shop",
        service=f"production_{over}",
        variable=f"SHOP_DSN_{over.upper()}",
        folder=str(HERE),
        url=f"postgresql://{way}@/shop?host={quote(host, safe='')}&port={given['port']}",
        sqlalchemy=sqlalchemy,
    )


def wanted() -> tuple[str, str]:
    """Return the way that env.py is to go."""
    return os.environ["ATTACK_WAY"], os.environ["ATTACK_OVER"]


def attempt(module: str, way: str, places: tuple[str, ...]) -> None:
    """Try a way and note which database answered; the first error is raised, as in any revision."""
    function, first = getattr(importlib.import_module(f"ways.{module}"), way), None
    for over in places:
        try:
            answered = function(address(way, over))
        except Exception as error:  # noqa: BLE001 - each is noted
            note(way, over, refused=f"{type(error).__name__}: {error}")
            first = first or error
        else:
            note(way, over, answered=answered)
    if first is not None:
        raise first


def note(way: str, over: str, **ended: str) -> None:
    """Append one line to the file of outcomes."""
    line = json.dumps({"way": way, "over": over, "pid": os.getpid(), "time": time.time(), **ended})
    with (HERE / "outcomes.jsonl").open("a") as file:
        file.write(line + "\n")
