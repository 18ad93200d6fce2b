"""Lets a signal end a call of the `alembic` command in order: the session is closed first, and a line says why."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from alembic import context

_SIGNAL_NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}


class _EndedError(KeyboardInterrupt):
    """SIGTERM or SIGHUP has come."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """End the process after SIGINT, SIGTERM or SIGHUP with 128 and the number, as shells have it, and one line.

    This holds for the `alembic` command only. Whoever calls Alembic as a library decides that, and so does who has a
    signal ignored, as nohup does.

    Raises:
        SystemExit: One of the signals has come; what was open is closed.
    """
    if not (hasattr(context.config.cmd_opts, "cmd") and threading.current_thread() is threading.main_thread()):
        yield
        return
    received: list[signal.Signals] = []
    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        for other in ours:  # the next one must not stop the cleaning up, to the very end
            signal.signal(other, signal.SIG_IGN)
        raise _EndedError

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    except KeyboardInterrupt:
        number = received[0] if received else signal.SIGINT
        with suppress(OSError):  # the terminal may have gone
            sys.stderr.write(f"{_SIGNAL_NAMES[number]}\n")
            sys.stderr.flush()
        sys.exit(128 + number)
    finally:
        for number in ours if not received else ():
            signal.signal(number, signal.SIG_DFL)
