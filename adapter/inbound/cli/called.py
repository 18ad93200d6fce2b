"""Commands that a message names, with the project that the running command was called for."""

import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise

_OPTIONS = {"-c": "-c", "--config": "-c", "-n": "-n", "--name": "-n"}


def reachable_here(text: str) -> str:
    """Return a text whose commands can be run as they stand there: with their path, for the project of this call."""
    from adapter.bootstrap.errors import reachable

    return reachable(text, project_options(sys.argv[1:]))


def project_options(arguments: Sequence[str]) -> list[str]:
    """Return `-c` and `-n` of a call, quoted for a shell.

    Without a project, or if a value may be a secret, there are none.

    Args:
        arguments: The arguments of `migrate`; those behind `--` are of another program.
    """
    from adapter.bootstrap.errors import may_hold_secret

    own = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    values: dict[str, str] = {}
    for argument, following in pairwise([*own, ""]):
        name, equals, value = argument.partition("=")
        if argument in _OPTIONS:
            values[_OPTIONS[argument]] = following
        elif equals and name in {"--config", "--name"}:
            values[_OPTIONS[name]] = value
    if "-c" not in values or any(map(may_hold_secret, values.values())):
        return []
    return [part for name in sorted(values) for part in (name, shlex.quote(values[name]))]
