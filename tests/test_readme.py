"""The commands that the READMEs show run, and the picture of the schema shows the schema."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import alembic
import pytest
from alembic import command

from adapter.outbound.database.metadata import load_metadata
from tests.conftest import SERVERS
from tests.support import PROJECT_ROOT, alembic_config

PAGES = (
    "README.md",
    "adapter/outbound/database/alembic/README.md",
    "adapter/outbound/database/alembic/README.es.md",
)
PROGRAMS = ("alembic", "migrate", "backend")

# What a README shows is run as it stands, except for these.
INSTEAD = {
    "backend demo": "backend demo --limit 100",  # the whole of it takes half a minute
    "migrate db reset": "migrate db reset --yes",  # it asks
    "migrate verify --again": "migrate verify head --again",  # all of them take longer than the other commands together
    "alembic merge": "",  # there is one head; tests/integration/test_errors.py has two
}


def shown(page: str) -> list[str]:
    """Return the commands in code of a page; those with an ellipsis are no whole commands."""
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    spans = re.findall(r"^\$ (.+)$", text, flags=re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    # A name alone is no call: `alembic`, `migrate`.
    found = [span for span in spans if " " in span and _program(span) in PROGRAMS and "…" not in span]
    return list(dict.fromkeys(found))


def _program(span: str) -> str:
    words = [word for word in span.split() if "=" not in word]
    return words[0] if words else ""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project, as commands write revisions; with texts to take in."""
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".postgres", ".hypothesis", ".*_cache", "tests", "benchmarks", "notes"
    )
    shutil.copytree(PROJECT_ROOT, tmp_path / "copy", ignore=ignored)
    notes = tmp_path / "copy" / "notes"
    notes.mkdir()
    (notes / "note.md").write_text("# A note\n\nPostgres keeps its promises.\n", encoding="utf-8")
    return tmp_path / "copy"


def run_shown(line: str, copy: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a README in the copy, as a reader would in an activated environment."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(copy),
        "HEXALEMBIC_POSTGRES_DIR": str(copy / "pg"),
        "HEXALEMBIC_POSTGRES_LINGER": "0.2",
        "HEXALEMBIC_SANDBOX_DIR": str(copy / "sandbox"),
    }
    if not find_spec("wordllama"):  # it has no wheel for this Python
        environment["EMBEDDER"] = "hashing"
    if "HEXALEMBIC_POSTGRES_VERSION" not in line:
        environment["DATABASE_URL"] = url
    return subprocess.run(
        ["/bin/sh", "-c", line],  # the lines are the README's
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize("page", PAGES[:2])  # the Spanish page has the commands of the English one, see below
def test_commands_run(page: str, migrated_url: str, copy: Path) -> None:
    """Each command that a page shows exits with 0, on a database at head and in the order of the page."""
    lines = shown(page)
    assert len(lines) > 10, lines
    for line in lines:
        instead = next((other for start, other in INSTEAD.items() if line.startswith(start)), line)
        if not instead:
            continue
        if not line.startswith(("alembic upgrade", "alembic downgrade")):
            command.upgrade(alembic_config(migrated_url), "head")
        result = run_shown(instead, copy, migrated_url)

        assert result.returncode == 0, f"{instead}\n{result.stdout}{result.stderr}"

        for revision in (copy / "adapter/outbound/database/alembic/versions").glob("*.py"):
            if not (PROJECT_ROOT / "adapter/outbound/database/alembic/versions" / revision.name).exists():
                revision.unlink()


def test_picture_shows_the_schema() -> None:
    """The diagram of the README has every table with every column, and every foreign key as a line."""
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    diagram = text.partition("```mermaid\n")[2].partition("```")[0]
    tables = {
        name: [line.split()[1] for line in body.strip().splitlines()]
        for name, body in re.findall(r"^    (\w+) \{\n(.*?)^    \}", diagram, flags=re.MULTILINE | re.DOTALL)
    }
    lines = set(re.findall(r"^    (\w+) \S+ (\w+) : (\w+)$", diagram, flags=re.MULTILINE))

    models = load_metadata().tables.values()
    assert tables == {table.name: [column.name for column in table.columns] for table in models}
    assert lines == {
        (key.column.table.name, table.name, key.parent.name) for table in models for key in table.foreign_keys
    }


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link to a file of the repository has a file at its end."""
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert ((PROJECT_ROOT / page).parent / target).exists(), target


def test_both_languages_say_the_same() -> None:
    """The Spanish guide shows the commands, options and revisions of the English one, in its order."""
    english, spanish = (
        re.findall(r"`(alembic [^`]+|-x [^`]+|[a-z_]+_[a-z_]+)`", (PROJECT_ROOT / page).read_text(encoding="utf-8"))
        for page in PAGES[1:]
    )

    assert english == spanish


# Said by Postgres, whose messages are not in this repository.
OF_POSTGRES = {"deadlock detected", "lock timeout", "statement timeout", "contains null values"}


def _troubles(page: str) -> list[str]:
    """Return the first columns of the tables at the end of a guide: what a person sees."""
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    tables = re.split(r"^## (?:Troubleshooting|Problemas)$", text, flags=re.MULTILINE)[1]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in tables.splitlines() if line.startswith("| ")]
    return [row for row in rows if row not in {"what happens", "what you see", "qué ocurre", "lo que ve"}]


def test_troubles_are_those_that_are_said() -> None:
    """Each message of the tables is one that the product, Alembic or Postgres has."""
    folders = [PROJECT_ROOT / name for name in ("adapter", "domain")] + [Path(alembic.__file__).parent]
    texts = [path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py")]
    sources = "".join(texts).replace('"\n            "', "")
    for row in _troubles(PAGES[1]):
        for message in set(re.findall(r"`([^`]+)`", row)) - OF_POSTGRES:
            if not message.startswith(PROGRAMS) and " " in message:
                for piece in filter(None, re.split(r"…|\bX\b|\b2\b", message)):
                    assert piece.strip() in sources, message


def test_troubles_are_the_same_in_both_languages() -> None:
    """Five symptoms, then the messages, row by row; the Spanish is read by the rules of its words."""
    english, spanish = ([re.findall(r"`([^`]+)`", row) for row in _troubles(page)] for page in PAGES[1:])

    assert english == spanish
    assert len(english) > 35
    text = (PROJECT_ROOT / PAGES[2]).read_text(encoding="utf-8")
    for word in (
        "interbloqueo",
        "tiempo de espera agotado",
        "interrumpida",
        "sin cortes",
        "los metadatos",
        "haga commit",
    ):
        assert word in text
    prose = re.sub(r"`[^`]*`", "", text).lower()
    for word in ("abrazo mortal", "deadlock", "timeout", "la metadata", "confirme", "sin parada", "tras un corte"):
        assert word not in prose
