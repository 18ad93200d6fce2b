"""The settings of `migrate` that a project keeps in its Alembic configuration.

They are in the section `[hexalembic]` of `alembic.ini`, or in the table `[tool.hexalembic]` of `pyproject.toml`:

    start_after = 3f1c9a2b7d40        revisions up to this one are run, but not judged
    setup = schema.sql                creates the objects before the first revision: SQL, or module:function
    rows_from = rows.sql              inserts rows that are more realistic than generated ones
    statements = statements.json      statements that the application sends, from `migrate record`
    env = DATABASE_DSN, APP_ENV=test  variables for env.py; without a value, the sandbox's address
    probes = run: curl -fsS https://shop.example.com/health
             sql: SELECT count(*) > 0 FROM users
                                      what must succeed or be true after migrate deploy, one a line
"""

import configparser
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter.outbound.postgres.configuration_errors import describe_file
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown

_KEYS = ("start_after", "setup", "rows_from", "statements", "env", "probes")


@dataclass(frozen=True)
class ProjectSettings:
    """The settings of `migrate` in a project's configuration; each is empty when the project does not set it.

    Attributes:
        start_after: The last revision that is run without a verdict.
        setup: Path of an SQL file, relative to the configuration, or `module:function`.
        rows_from: Path of an SQL file, relative to the configuration.
        statements: Path of a file that `migrate record` wrote, relative to the configuration.
        env: Variables for env.py, each as `NAME` or `NAME=VALUE`.
        probes: What is checked after a deployment, each as `sql: SELECT …` or `run: command …`.
    """

    start_after: str = ""
    setup: str = ""
    rows_from: str = ""
    statements: str = ""
    env: tuple[str, ...] = field(default=())
    probes: tuple[str, ...] = field(default=())


def read_project_settings(config: Path) -> ProjectSettings:
    """Read the settings from an `alembic.ini` or a `pyproject.toml`.

    Raises:
        DatabaseConfigurationError: The file cannot be read, or has an unknown setting.
    """
    try:
        values = _toml(config) if config.suffix == ".toml" else _ini(config)
    except (configparser.Error, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise describe_file(error, config) from error
    unknown = sorted(values.keys() - {*_KEYS})
    if unknown:
        raise DatabaseConfigurationError(
            f"{config.name}: hexalembic has no setting {', '.join(unknown)}", f"there are {', '.join(_KEYS)}"
        )
    texts = {key: str(values.get(key, "")).strip() for key in _KEYS if key not in {"env", "probes"}}
    env, probes = values.get("env", ()), values.get("probes", ())
    return ProjectSettings(
        **texts,
        env=_listed(env if isinstance(env, list) else str(env or "").replace("\n", ",").split(",")),
        probes=_listed(probes if isinstance(probes, list) else str(probes or "").splitlines()),
    )


def _listed(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(text for value in values if (text := str(value).strip()))


def variables(texts: Iterable[str]) -> dict[str, str]:
    """Return variables for env.py by name; one that is written without `=VALUE` is empty."""
    pairs = (text.partition("=") for text in texts)
    return {name: value for name, _, value in pairs}


def sql_file(requested: Path | None, setting: str, folder: Path, option: str) -> Path | None:
    """Return the absolute path of a file of SQL; None where neither the user nor the project names one.

    Args:
        requested: What the user names, relative to the current folder; it wins.
        setting: What the project's settings name, relative to the folder of its configuration.
        folder: That folder.
        option: The option that names such a file, for the hint.

    Raises:
        DatabaseConfigurationError: There is no such file.
    """
    if requested is None and not setting:
        return None
    path = folder / setting if requested is None else requested
    if not path.is_file():
        raise DatabaseConfigurationError(
            f"there is no file {shown(requested or setting)}", f"name a file of SQL with {option}"
        )
    return path.resolve()


def set_up(requested: str | None, setting: str, folder: Path) -> str | Path | None:
    """Return what creates the objects before the first revision: a `module:function`, or a file as `sql_file` has it.

    Raises:
        DatabaseConfigurationError: There is no such file.
    """
    function = requested or setting
    if ":" in function:
        return function
    return sql_file(Path(requested) if requested else None, setting, folder, "--setup")


def _ini(path: Path) -> dict[str, Any]:
    parser = configparser.RawConfigParser()
    parser.read(path, encoding="utf-8")
    return dict(parser.items("hexalembic")) if parser.has_section("hexalembic") else {}


def _toml(path: Path) -> dict[str, Any]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return dict(content.get("tool", {}).get("hexalembic", {}))
