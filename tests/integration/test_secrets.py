"""No password leaves: commands get addresses with a marker as password, and all that comes out is searched."""

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.config import CommandLine, Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command

from adapter.inbound.cli import backend, migrate
from adapter.inbound.cli.options import _PROJECT
from adapter.outbound.database import settings as database_settings
from tests.secret_urls import leaked, urls
from tests.support import PROJECT_ROOT

pytestmark = pytest.mark.one_major

INI = str(PROJECT_ROOT / "alembic.ini")
# Each with the place of the address; without one it is the environment's. The last are those of a hand that slipped.
COMMANDS = (
    "alembic upgrade head",
    "alembic current",
    "alembic check",
    "alembic downgrade base",
    "alembic stamp head",
    "alembic upgrade head --sql",
    "alembic -x url={} upgrade head",
    "alembic -x {} current",
    "alembic -x lock_timeout={} current",
    "alembic -x lock_retries={} current",
    "migrate status",
    "migrate status --format json",
    "migrate status --url {}",
    "migrate up",
    "migrate up --url {}",
    "migrate up -c plain.ini --url {}",
    "migrate up -c plain.ini -x {}",
    "migrate stats",
    "migrate stats --target-url {} --format json",
    "migrate analyze --target-url {}",
    "migrate analyze --target-url {} --format json",
    "migrate analyze --sandbox-url {} --format sarif",
    "migrate verify --target-url {}",
    "migrate verify --sandbox-url {} --format junit",
    "backend product list",
    "backend search word",
    "backend order show 1",
    "migrate analyze {}",
    "migrate verify {}",
    "migrate analyze -c {}",
    "migrate analyze -c plain.ini --name {}",
    "migrate analyze -c plain.ini --setup {}",
    "migrate analyze -c plain.ini --env {}",
    "migrate analyze -c plain.ini -x {}",
    "migrate analyze --pg {}",
    "migrate analyze --format {}",
    "migrate analyze --stats {}",
    "migrate analyze --observed {}",
    "migrate analyze --python {}",
    "migrate analyze --rows-from {}",
    "migrate verify --only {}",
    "migrate verify -c plain.ini --statements {}",
    "migrate verify -c plain.ini --certificates {}",
    "migrate verify --stats {}",
    "migrate status {}",
    "migrate up -c {}",
    "migrate up -c plain.ini --url postgresql://127.0.0.1:1/shop --name {}",
    "migrate up -c plain.ini --url postgresql://127.0.0.1:1/shop --env {}",
    "migrate up --python {}",
    "migrate plan {}",
    "migrate plan --format {}",
    "migrate plan --url {}",
    "migrate plan -c plain.ini --url postgresql://127.0.0.1:1/shop --certificates {}",
    "migrate preflight {}",
    "migrate preflight --format {}",
    "migrate preflight --url {}",
    "migrate preflight -c plain.ini --url postgresql://127.0.0.1:1/shop --certificates {}",
    "migrate preflight --production {}",
    "migrate backup --backup schema --to {}",
    "migrate backup --backup schema --to backups --url {}",
    "migrate backup --backup schema --to backups --verify-at {}",
    "migrate backup --backup command --to backups --command {}",
    "migrate backup --to backups {}",
    "migrate restore {}",
    "migrate backup -c plain.ini --to backups --url postgresql://127.0.0.1:1/shop --certificates {}",
    "migrate restore --url {} backups",
    "migrate restore --database {} backups",
    "migrate restore -c {} backups",
    "migrate deploy {}",
    "migrate deploy --format {}",
    "migrate deploy --url {}",
    "migrate deploy --plan {}",
    "migrate deploy --production {}",
    "migrate downgrade {}",
    "migrate downgrade --format {} base",
    "migrate downgrade --url {} base",
    "migrate downgrade --production {} base",
    "migrate downgrade --backup-to {} base",
    "migrate downgrade --journal-folder {} base",
    "migrate downgrade -c plain.ini --url postgresql://127.0.0.1:1/shop --backup-command {} base",
    "migrate downgrade -c plain.ini --url postgresql://127.0.0.1:1/shop --certificates {} base",
    "migrate downgrade -c plain.ini --url postgresql://127.0.0.1:1/shop --confirm-data-loss {} base",
    "migrate plan --downgrade {}",
    "migrate deploy --backup-to {}",
    "migrate deploy --journal-folder {}",
    "migrate deploy -c plain.ini --url postgresql://127.0.0.1:1/shop --backup-command {}",
    "migrate deploy -c plain.ini --url postgresql://127.0.0.1:1/shop --certificates {}",
    "migrate history -c {}",
    "migrate history --format {}",
    "migrate history --url {}",
    "migrate history --journal file --journal-folder {}",
    "migrate new-service {}",
    "migrate new-service --name {} shop",
    "migrate {}",
    "migrate db start --pg {}",
    "migrate db {}",
    "migrate db url --database {}",
    "migrate db psql --database {}",
    "migrate record -o statements.json -- {}",
    "migrate record -o {} -- true",
    "migrate record -o {}/statements.json -- true",
    "migrate locks --check --output {}",
    "migrate rules {}",
    "migrate rules --format {}",
    "migrate verify --format {}",
    "migrate rules --check --output {}",
    "migrate rules --output {}",
    "backend {}",
    "backend ingest {}",
    "backend product add cup --price {}",
    "backend order place --user ana --item {}",
    "backend user register {} ana",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Stand in a folder of its own, with servers of its own; logging stays what it was."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "alembic.ini").symlink_to(PROJECT_ROOT / "alembic.ini")
    (folder / "plain.ini").write_text("[alembic]\nscript_location = nowhere\n")  # of another project
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EMBEDDER", "hashing")
        patch.setattr(database_settings, "_env_file", dict)
        yield folder
    root.handlers[:], sys.excepthook = before[0], before[2]
    root.setLevel(before[1])


def said_by(command: str, url: str) -> str:
    """Run a command in this process as its program does, and return all that it printed."""
    program, *arguments = (url if word == "{}" else word.replace("{}", url) for word in command.split())
    run: Callable[[list[str]], None] = {"alembic": _alembic, "migrate": _migrate, "backend": _backend}[program]
    printed = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        if "{}" not in command:
            patch.setenv("DATABASE_URL", url)
        patch.setattr(sys, "argv", [program, *arguments])
        try:
            run(arguments)
        except SystemExit:
            pass
        except BaseException as error:  # noqa: BLE001 - as the interpreter ends a program
            sys.excepthook(type(error), error, error.__traceback__)
    return printed.getvalue()


def _alembic(arguments: list[str]) -> None:
    line = CommandLine(prog="alembic")
    options = line.parser.parse_args(["-c", INI, *arguments])
    line.run_cmd(
        Config(options.config[0] if isinstance(options.config, list) else INI, cmd_opts=options, stdout=sys.stdout),
        options,
    )


def _migrate(_: list[str]) -> None:
    migrate.main()


def _backend(_: list[str]) -> None:
    backend.main()


def written_below(folder: Path) -> str:
    """Return the names and contents of all files of a folder."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(f"{path}\n{path.read_text(errors='replace')}" for path in found)


def search(place: Path, command: str, url: str) -> None:
    """Run a command with an address, and fail where a piece of the password came out or was written."""
    said = said_by(command, url)
    assert not leaked(said), f"{command!r} with {url!r} printed: {leaked(said)!r}"
    assert not leaked(written_below(place)), f"{command!r} with {url!r} wrote: {leaked(written_below(place))!r}"


_few = settings(
    max_examples=250, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
_many = settings(_few, max_examples=1500)


@pytest.mark.long
@given(command=st.sampled_from(COMMANDS), url=urls())
@_few
def test_no_command_shows_a_password(place: Path, command: str, url: str) -> None:
    """What a command prints and writes has no piece of a password, whatever the address looks like."""
    search(place, command, url)


@pytest.mark.exhaustive
@pytest.mark.long
@given(command=st.sampled_from(COMMANDS), url=urls())
@_many
def test_no_command_shows_a_password_in_thousands_of_tries(place: Path, command: str, url: str) -> None:
    """The same, some 35 times for each command."""
    search(place, command, url)


def _texts_of(command: Any, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of each command, with the spellings of each of its parameters that is a text or a path.

    Options that all commands on a project have are those of `migrate analyze`.
    """
    for part, below in getattr(command, "commands", {}).items():
        yield from _texts_of(below, f"{name} {part}")
    if not hasattr(command, "commands"):
        has_project = any(parameter.name == "sandbox_url" for parameter in command.params)
        for parameter in command.params:
            is_shared = has_project and parameter.name in _PROJECT and name != "migrate analyze"
            if parameter.type.name in {"str", "path"} and not is_shared:
                yield name, tuple(parameter.opts) if parameter.opts[0].startswith("-") else ("argument",)


def _tried() -> set[tuple[str, str]]:
    """Return the commands and the parameters of `migrate` that get an address."""
    tried = set()
    for command in COMMANDS:
        words = command.split()
        at = next((at for at, word in enumerate(words) if "{}" in word), 0)
        options = [place for place, word in enumerate(words) if word.startswith("-")]
        is_option = words[at - 1].startswith("-") and words[at - 1] != "--"
        tried.add((" ".join(words[: options[0] if options else at]), words[at - 1] if is_option else "argument"))
    return tried


def test_each_text_of_migrate_is_tried() -> None:
    """A text or path that a new command or option takes gets addresses, too."""
    tried = _tried()
    forgotten = [
        (name, spellings)
        for name, spellings in _texts_of(get_command(migrate.build()), "migrate")
        if not any((name, spelling) in tried for spelling in spellings)
        and name != "migrate catalogue"  # the former name of `locks`
    ]

    assert forgotten == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_known(place: Path, command: str) -> None:
    """Each command takes the address where it is put: it complains of that, not of a word that it does not know."""
    said = " ".join(said_by(command, "postgresql://ana:secret@127.0.0.1:1/shop").split())

    assert said.strip(), place
    assert "secret" not in said
    assert "Traceback" not in said
    if command.split()[1:] not in ([["{}"]], ["db", "{}"]):
        assert (
            "No such" not in said or "No such file" in said or command.endswith(("migrate {}", "backend {}", "db {}"))
        )
