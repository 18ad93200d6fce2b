"""`migrate analyze` and `migrate verify` on the histories of published projects, each in an environment of its own.

Their addresses lead nowhere: what runs, runs in the sandbox. The verdicts that are named here were compared with the
sources of the revisions.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SERVERS
from tests.real_projects.environments import environment
from tests.support import PROJECT_ROOT, process_environment

NOWHERE = "//nobody:nothing@203.0.113.1:1/nowhere"
ROWS = 200  # enough to see what is done to rows, and a tenth of the time

# The logging is there because an env.py may ask for it.
INI = """
[alembic]
script_location = {location}
sqlalchemy.url = {url}
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""


@dataclass(frozen=True)
class Project:
    """A published project.

    Attributes:
        name: Of its requirements' file.
        location: Its migrations, as Alembic writes the place in a package.
        scheme: Of its address.
        options: For `migrate analyze`.
        variables: What its env.py reads.
        revisions: How many its history has.
        safe: Some that nobody has to wait for.
        unsafe: Some others, each with a reason.
    """

    name: str
    location: str
    scheme: str
    revisions: int
    safe: tuple[str, ...]
    unsafe: Mapping[str, str]
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


pytestmark = pytest.mark.long

PROJECTS = (
    Project(
        name="mlflow",
        location="mlflow:store/db_migrations",
        scheme="postgresql",
        revisions=67,
        options=("--setup", "mlflow.store.tracking.dbmodels.initial_models:Base.metadata.create_all"),
        # a new table; nullable columns; NOT NULL on what is NOT NULL already; a column with a constant default
        safe=("a1b2c3d4e5f6", "cbc13b556ace", "39d1c3be5f05", "da6fb0208061"),
        unsafe={
            "bd07f7e963c5": "blocking-index-build",  # four indexes on tables in use
            "cfd24bdc0731": "table-rewrite",  # varchar(20) becomes varchar(9)
            "6f8d9c3b2a1e": "constraint-validated-at-once",  # a foreign key, made again with ON DELETE CASCADE
            "451aebb31d03": "missing-downgrade",  # pass
            "2b4d017a5e9b": "downgrade-fails",  # drops the table that another refers to first
            "5d2d30f0abce": "drop-or-rename-in-use",  # function_fullname becomes job_name
        },
    ),
    Project(
        name="phoenix",
        location="phoenix:db/migrations",
        scheme="postgresql+asyncpg",
        revisions=35,
        safe=("58228d933c91", "e767d3c57f32"),  # new tables
        unsafe={
            "735d3d93c33e": "blocking-index-build",  # two indexes on tables in use
            "d4e5f6a7b8c9": "blocking-index-build",  # beside a new table an index on one in use
            "01a8342c9cdf": "constraint-validated-at-once",  # a foreign key on a new column
            "3be8647b87d8": "schema-and-data-together",  # new columns, and an update of all rows
        },
    ),
    Project(
        name="open-webui",
        location="open_webui:migrations",
        scheme="postgresql",
        revisions=66,
        variables={"DATABASE_URL": f"postgresql:{NOWHERE}", "WEBUI_SECRET_KEY": "not a secret"},
        # nullable columns; a new table
        safe=("c0fbf31ca0db", "9f0c9cd09105"),
        unsafe={
            "018012973d35": "blocking-index-build",  # five indexes on tables in use
            "4ace53fd72c8": "table-rewrite",  # DateTime becomes BigInteger
            "2f1211949ecc": "fails-on-existing-rows",  # a NOT NULL column without a default
            "81cc2ce44d79": "constraint-validated-at-once",  # a foreign key on a new column of a table in use
        },
    ),
)
# For what takes minutes each: `make test-all` runs the first of them.
ONE_AND_OTHERS = [
    pytest.param(project, id=project.name, marks=[pytest.mark.exhaustive] * (project is not PROJECTS[0]))
    for project in PROJECTS
]


@pytest.fixture(params=PROJECTS, ids=lambda project: project.name)
def project(request: pytest.FixtureRequest) -> Project:
    """Each project in turn."""
    chosen: Project = request.param
    return chosen


@pytest.fixture
def one_sandbox(request: pytest.FixtureRequest) -> str:
    """One server: the histories are long, and other tests compare the majors."""
    url: str = request.getfixturevalue(f"sandbox_url_{SERVERS[0]}")
    return url


def test_history(project: Project, one_sandbox: str, tmp_path: Path) -> None:
    """Every revision runs in the sandbox, and those that are named are judged as a reader of their source would."""
    result = _migrate(project, one_sandbox, tmp_path, "analyze", "base:heads", "--fail-on", "never")
    assert result.returncode == 0, result.stderr[-3000:]
    revisions: dict[str, dict[str, Any]] = {each["revision"]: each for each in json.loads(result.stdout)["revisions"]}
    assert len(revisions) == project.revisions
    # some do nothing on Postgres
    assert sum(bool(each["upgrade"]["statements"]) for each in revisions.values()) > 0.9 * len(revisions)
    assert not _not_run(revisions)
    verdicts = {name: (each["verdict"], each["reasons"]) for name, each in revisions.items()}
    assert {name: verdicts[name] for name in project.safe} == dict.fromkeys(project.safe, ("safe", []))
    assert {name for name, reason in project.unsafe.items() if reason not in verdicts[name][1]} == set()


def test_downgrades_that_are_not_what_they_claim(one_sandbox: str, tmp_path: Path) -> None:
    """Of two of mlflow's revisions one cannot be undone, and one leaves a narrower column and another check behind."""
    (project,) = (each for each in PROJECTS if each.name == "mlflow")
    result = _migrate(project, one_sandbox, tmp_path, "verify", "89d4b8295536:cfd24bdc0731", "--only", "round-trip")
    assert result.returncode == 1, result.stderr[-3000:]
    revisions = {each["revision"]: each for each in json.loads(result.stdout)["revisions"]}
    fails, silent = revisions["2b4d017a5e9b"], revisions["cfd24bdc0731"]

    assert "cannot drop table registered_models because other objects depend on it" in fails["round_trip"]["failure"]
    assert [each["code"] for each in fails["diagnostics"]] == ["downgrade-fails"]
    assert sorted(silent["round_trip"]["schema"]) == [
        "column public.runs.status: type is character varying(9), expected character varying(20)",
        "constraint public.runs.runs_status_check is unexpected",
        "constraint public.runs.status is missing",
    ]
    assert "silent-downgrade" in {each["code"] for each in silent["diagnostics"]}


def _migrate(
    project: Project, sandbox_url: str, folder: Path, command: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on a project, on the tests' server."""
    python = environment(project.name)
    config = folder / "alembic.ini"
    config.write_text(INI.format(location=project.location, url=f"{project.scheme}:{NOWHERE}"), encoding="utf-8")
    variables = {**project.variables, "DATA_DIR": str(folder), "PHOENIX_WORKING_DIR": str(folder)}
    if command == "verify":
        arguments = (*arguments, "--certificates", str(folder / "certificates.json"))
    return subprocess.run(
        [
            *(sys.executable, "-m", "adapter.inbound.cli.migrate", command, *arguments),
            *("--config", str(config), "--python", str(python), "--sandbox-url", sandbox_url),
            *("--rows", str(ROWS), "--format", "json", *project.options),
        ],
        cwd=PROJECT_ROOT,
        env=process_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


def _not_run(revisions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the revisions that could not be tried, because one before them fails."""
    return [
        name
        for name, each in revisions.items()
        if any("not run" in diagnostic["message"] for diagnostic in each["diagnostics"])
    ]
