"""What a project says of itself to `migrate`, beside its Alembic configuration.

In `alembic.ini` a section `[hexalembic]`, in `pyproject.toml` a table `[tool.hexalembic]`:

    start_after = 3f1c9a2b7d40        revisions up to this one are run, but not judged
    setup = schema.sql                what is there before the first revision: SQL, or module:function
    rows_from = rows.sql              rows that are better than made-up ones
    statements = statements.json      statements that the application sends, from `migrate record`
    env = DATABASE_DSN, APP_ENV=test  variables for env.py; without a value, the sandbox's address
"""

import configparser
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_KEYS = ("start_after", "setup", "rows_from", "statements", "env")


@dataclass(frozen=True)
class ProjectSettings:
    """The settings; each is empty when the project does not say.

    Attributes:
        start_after: Revision with which the history begins that is judged.
        setup: File of SQL, relative to the configuration, or `module:function`.
        rows_from: File of SQL, relative to the configuration.
        statements: File that `migrate record` wrote, relative to the configuration.
        env: `NAME` or `NAME=VALUE`.
    """

    start_after: str = ""
    setup: str = ""
    rows_from: str = ""
    statements: str = ""
    env: tuple[str, ...] = field(default=())


def read_project_settings(config: Path) -> ProjectSettings:
    """Read the settings from an `alembic.ini` or a `pyproject.toml`.

    Raises:
        DatabaseConfigurationError: The file cannot be read, or has a setting that is not known.
    """
    try:
        found = _toml(config) if config.suffix == ".toml" else _ini(config)
    except (configparser.Error, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DatabaseConfigurationError(f"{config.name} cannot be read: {error}", "mend the file") from error
    unknown = sorted(found.keys() - {*_KEYS})
    if unknown:
        raise DatabaseConfigurationError(
            f"{config.name}: hexalembic has no setting {', '.join(unknown)}", f"there are {', '.join(_KEYS)}"
        )
    env = found.get("env", ())
    listed = env if isinstance(env, list | tuple) else str(env).replace("\n", ",").split(",")
    texts = {key: str(found.get(key, "")).strip() for key in _KEYS if key != "env"}
    return ProjectSettings(**texts, env=tuple(one.strip() for one in listed if one.strip()))


def _ini(path: Path) -> dict[str, Any]:
    parser = configparser.RawConfigParser()
    parser.read(path, encoding="utf-8")
    return dict(parser.items("hexalembic")) if parser.has_section("hexalembic") else {}


def _toml(path: Path) -> dict[str, Any]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return dict(content.get("tool", {}).get("hexalembic", {}))
