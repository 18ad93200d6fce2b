"""Alembic's plugin of this project: `alembic` says in two lines why it cannot read its configuration or its history.

Alembic reads both before it runs env.py, and `alembic heads`, `show` and `branches` never run it.

Alembic loads the modules of the entry point `alembic.plugins` whenever it is imported, also in processes of other
projects, which may have a package `adapter` of their own. Hence this module stands outside of that package, and imports
it only to explain an error that has already ended the command `alembic`.
"""

import sys
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.plugins import Plugin

_EXIT_CODE = 255  # as Alembic's own errors
_as_before = sys.excepthook


def setup(_plugin: "Plugin") -> None:
    """Explain errors that nobody caught if this process is the command `alembic`; change nothing in any other."""
    program = sys.argv[0] if sys.argv else ""
    arguments = sys.orig_argv
    is_module = program == "-m" and {"alembic", "alembic.config"} & set(arguments[arguments.index("-m") + 1 :][:1])
    if is_module or Path(program).stem == "alembic":
        sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    config = _config(traceback)
    explanation = _explanation(config) if config is not None and isinstance(error, Exception) else ""
    if not explanation:
        _as_before(kind, error, traceback)
        return
    sys.stdout.write(f"FAILED: {explanation}\n")
    sys.exit(_EXIT_CODE)


def _config(traceback: TracebackType | None) -> "Config | None":
    """Return the configuration of the command that raised an error; None if a file of the project ran meanwhile."""
    from alembic.config import CommandLine
    from alembic.script import ScriptDirectory

    frames = [frame for frame, _ in walk_tb(traceback)]
    if any(frame.f_code is ScriptDirectory.run_env.__code__ for frame in frames):
        return None
    commands = (frame for frame in frames if frame.f_code is CommandLine.main.__code__)
    return next((frame.f_locals.get("cfg") for frame in commands), None)


def _explanation(config: "Config") -> str:
    """Return what is wrong with a configuration or its history, and the remedy; empty if both can be read."""
    try:
        from adapter.outbound.database.history import load_heads, load_script
        from adapter.outbound.postgres.explain import explain
    except ImportError:  # another project's package has that name
        return ""
    try:
        load_heads(load_script(config))
    except Exception as error:  # noqa: BLE001 - what it is decides whether it is explained
        return str(explain(error) or "")
    return ""
