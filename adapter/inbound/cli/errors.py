"""The exit codes of all commands.

They are 0 fine, 1 refused by a rule, 2 wrong usage or configuration, 3 the database refused or failed. As in a shell,
signals are 130 interrupted, 143 terminated, 129 hung up.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

REFUSED = 1
INTERRUPTED = 130
_SIGNAL_NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
_OBJECTS = 50_000  # new ones between two garbage collections: imports leave no garbage, and each would look for some
_received: list[signal.Signals] = []  # the signal that ends this process; empty before


def run(build: "Callable[[], typer.Typer]") -> None:
    """Run a command line and exit with its code; an expected error is printed in two lines without a traceback.

    The command line is imported in here, because Ctrl-C may come during the imports.

    Args:
        build: Imports the command line and returns it.
    """
    _handle_signals()
    gc.set_threshold(_OBJECTS)
    try:
        build()()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.exit(_interrupted())
        raise
    except KeyboardInterrupt:
        sys.exit(_interrupted())
    except Exception as error:  # noqa: BLE001 - every error is shown without passwords
        described = describe_error(error, sys.argv[1:])
        if described is None:
            _print_traceback(error)
            sys.exit(1)
        code, message, hint = described
        _write_line("error: ", message)
        _write_line("", f"hint: {hint}")
        sys.exit(code)
    finally:
        gc.freeze()  # the last garbage collection of all imports would take a tenth of a second


def describe_error(error: BaseException, unread: "Sequence[str]" = ()) -> tuple[int, str, str] | None:
    """Return the exit code and the texts for an error that ends a command.

    Args:
        error: The error.
        unread: The arguments of the command; those that may contain a secret are not shown.

    Returns:
        Exit code, message and hint, or None if the error is a defect, which needs its traceback.
    """
    from adapter.bootstrap.errors import described, redact
    from adapter.inbound.cli.called import reachable_here
    from domain.errors import DomainError

    shown_error = error if isinstance(error, DomainError) else described(error)
    if shown_error is None:
        return None
    code = getattr(shown_error, "exit_code", REFUSED)
    return code, redact(shown_error.message, unread), reachable_here(redact(shown_error.hint, unread))


def _print_traceback(error: BaseException) -> None:
    """Write the traceback of a defect to stderr, without passwords."""
    from adapter.bootstrap.errors import print_traceback

    print_traceback(type(error), error, error.__traceback__, sys.argv[1:])


def _handle_signals() -> None:
    """Make SIGTERM and SIGHUP end this process like Ctrl-C, so that it closes and drops everything first."""
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signal_number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(signal_number, _interrupt)


class _EndedError(KeyboardInterrupt):
    """The process has received SIGTERM or SIGHUP.

    A plain KeyboardInterrupt does not work: if it comes out of code that `exec` ran, Python ends itself by SIGINT, even
    if it was caught.
    """


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _received:
        return
    _received.append(signal.Signals(number))
    for signal_number in (signal.SIGTERM, signal.SIGHUP):  # the next signal must not interrupt the cleanup
        signal.signal(signal_number, signal.SIG_IGN)
    raise _EndedError


def _interrupted() -> int:
    """Print the signal that ended the command, and return the exit code."""
    number = _received[0] if _received else signal.SIGINT
    with suppress(OSError):  # the terminal may be closed
        _write_line(_SIGNAL_NAMES[number], "")
        sys.stderr.flush()
    return 128 + number


def _write_line(label: str, message: str) -> None:
    # Colors are written to terminals only, unless NO_COLOR asks for plain text (no-color.org). They need no import,
    # because Ctrl-C may have come during one.
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and label
    sys.stderr.write(f"\033[31m{label}\033[0m{message}\n" if colors else f"{label}{message}\n")
