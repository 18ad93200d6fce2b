"""The options of the running `alembic` call, as a hint repeats them: another call without them means something else."""

import shlex
from typing import Any

from alembic import context
from alembic.config import Config

_USUAL_SECTION = "alembic"


def configuration_options(config: Config) -> list[str]:
    """Return `-c` and `-n` as they were given, quoted for a shell; nothing where Alembic was not called so."""
    options: Any = config.cmd_opts
    files = getattr(options, "config", None) or []
    section = getattr(options, "name", None) or _USUAL_SECTION
    arguments = [part for file in ([files] if isinstance(files, str) else files) for part in ("-c", shlex.quote(file))]
    return arguments + ([] if section == _USUAL_SECTION else ["-n", shlex.quote(section)])


def call_options(config: Config) -> list[str]:
    """Return those and `-x`; the value of `url` is left out, because it may contain a password."""
    arguments = getattr(config.cmd_opts, "x", None) or []
    values = ["url=…" if argument.startswith("url=") else shlex.quote(argument) for argument in arguments]
    return configuration_options(config) + [part for value in values for part in ("-x", value)]


def options_here() -> list[str]:
    """Return `-c` and `-n` of the call in which env.py runs."""
    return configuration_options(context.config)
