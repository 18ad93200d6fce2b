"""Where errors become exit codes, for every command.

0 fine, 1 refused by a rule, 2 wrong usage or configuration, 3 the database refused or failed; 130 interrupted, 143
terminated, 129 hung up: as a shell says it of a process that a signal has ended.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

INTERRUPTED = 130
_SAID = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_received: list[signal.Signals] = []  # the signal that ends this process, which is cleaning up for it


def run(build: "Callable[[], typer.Typer]") -> None:
    """Run a command line and end the process with its exit code; an expected error shows two lines, no traceback.

    It is imported in here, too: Ctrl-C may come while that goes on.
    """
    _listen()
    try:
        build()()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.exit(_interrupted())
        raise
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except Exception as error:  # noqa: BLE001 - every one is shown, without passwords
        from adapter.bootstrap.errors import describe_error, print_traceback

        described = describe_error(error, sys.argv[1:])
        if described is None:
            print_traceback(error, sys.argv[1:])
            sys.exit(1)
        code, message, hint = described
        _say("error: ", message)
        _say("", f"hint: {hint}")
        sys.exit(code)
    finally:
        gc.freeze()  # a last look for garbage among all that was imported takes a tenth of a second


def _listen() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does: whatever is open is closed and dropped first."""
    for wanted in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(wanted) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(wanted, _interrupt)


class _EndedError(KeyboardInterrupt):
    """SIGTERM or SIGHUP has come.

    Python ends itself by SIGINT when a plain KeyboardInterrupt came out of code that `exec` ran, though it was caught.
    """


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _received:
        return
    _received.append(signal.Signals(number))
    for wanted in (signal.SIGTERM, signal.SIGHUP):  # the next one must not stop the cleaning up, to the very end
        signal.signal(wanted, signal.SIG_IGN)
    raise _EndedError


def _interrupted() -> int:
    """Say by what, and give the exit code."""
    number = _received[0] if _received else signal.SIGINT
    with suppress(OSError):  # the terminal may have gone
        _say(_SAID[number], "")
        sys.stderr.flush()
    return 128 + number


def _say(label: str, message: str) -> None:
    # Colors reach terminals only, and none that asks for plain text (no-color.org). Nothing is imported for them:
    # Ctrl-C may have come in the middle of that.
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and label
    sys.stderr.write(f"\033[31m{label}\033[0m{message}\n" if colors else f"{label}{message}\n")
