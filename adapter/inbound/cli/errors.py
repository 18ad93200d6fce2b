"""Where errors become exit codes, for every command.

0 fine, 1 refused by a rule, 2 wrong usage or configuration, 3 the database refused or failed, 130 interrupted.
"""

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130


def run(build: "Callable[[], typer.Typer]") -> None:
    """Run a command line and end the process with its exit code; an expected error shows two lines, no traceback.

    It is imported in here, too: Ctrl-C may come while that goes on.
    """
    try:
        build()()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _interrupted()
        raise
    except KeyboardInterrupt:
        _interrupted()
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - every one is shown, without passwords
        from adapter import bootstrap

        described = bootstrap.describe_error(error, sys.argv[1:])
        if described is None:
            bootstrap.print_traceback(error, sys.argv[1:])
            sys.exit(1)
        code, message, hint = described
        _say("error: ", message)
        _say("", f"hint: {hint}")
        sys.exit(code)
    finally:
        gc.freeze()  # a last look for garbage among all that was imported takes a tenth of a second


def _interrupted() -> None:
    _say("interrupted", "")


def _say(label: str, message: str) -> None:
    # Colors reach terminals only, and none that asks for plain text (no-color.org). Nothing is imported for them:
    # Ctrl-C may have come in the middle of that.
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and label
    sys.stderr.write(f"\033[31m{label}\033[0m{message}\n" if colors else f"{label}{message}\n")
