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
    program = Path(sys.argv[0] if sys.argv else "").stem
    is_module = program == "-m" and {"alembic", "alembic.config"} & set(sys.orig_argv)  # it is imported before it runs
    if is_module or program == "alembic":
        sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    config = _config(traceback)
    explanation = _explanation(config) if config is not None and isinstance(error, Exception) else ""
    if not explanation:
        _as_before(kind, error, traceback)
        return
    from alembic.util import write_outstream

    write_outstream(sys.stdout, f"FAILED: {explanation}\n")
    sys.exit(_EXIT_CODE)


def _config(traceback: TracebackType | None) -> "Config | None":
    """Return the configuration of the command that raised an error; None if a file of the project ran meanwhile."""
    from alembic.config import CommandLine
    from alembic.script import ScriptDirectory

    frames = [frame for frame, _ in walk_tb(traceback)]
    if any(frame.f_code is ScriptDirectory.run_env.__code__ for frame in frames):
        return None
    file = CommandLine.main.__code__.co_filename  # `python -m alembic.config` runs it as another module
    commands = (frame for frame in frames if (frame.f_code.co_filename, frame.f_code.co_name) == (file, "main"))
    return next((frame.f_locals["cfg"] for frame in commands if "cfg" in frame.f_locals), None)


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
