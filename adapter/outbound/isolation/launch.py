"""Starts a program behind the wall: `launch.py [--network] [--keep FOLDER]… [--tell FD [--ask]] -- PROGRAM ARGUMENT…`.

It is run as a script by an interpreter that loads nothing else: `python -I -S`. The program replaces this process.
`--network` leaves the network open. `--keep` names a folder whose Postgres sockets stay reachable. `--tell` names a
socket through which is told whether other sockets could be covered; with `--ask`, the descriptor on which the kernel
asks about each connection is handed over there (see `gate.py`).
"""

import _socket
import itertools
import os
import struct
import sys

FAILED = 78  # EX_CONFIG of sysexits.h: the wall could not be built, and nothing was started


def main(arguments: list[str]) -> None:
    """Build the wall and replace this process by the program."""
    from adapter.outbound.isolation.landlock import leave_others
    from adapter.outbound.isolation.rights import give_up_rights
    from adapter.outbound.isolation.seccomp import IsolationError, refuse
    from adapter.outbound.isolation.sockets import cover

    end = arguments.index("--")
    options, program = arguments[:end], arguments[end + 1 :]
    give_up_rights()
    covered = cover([folder for option, folder in itertools.pairwise(options) if option == "--keep"])
    try:
        listener = refuse(network="--network" not in options, ask="--ask" in options)
    except IsolationError as error:
        sys.stderr.write(f"the kernel filter cannot be set up: {error.strerror}\n")
        sys.exit(FAILED)
    covered = leave_others() and covered
    for option, descriptor in itertools.pairwise(options):
        if option == "--tell":
            _tell(int(descriptor), b"covered" if covered else b"open", listener)
    os.execvp(program[0], program)  # noqa: S606 - the arguments are a list


def _tell(descriptor: int, text: bytes, listener: int | None) -> None:
    pair = _socket.socket(fileno=descriptor)
    rights = [] if listener is None else [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", listener))]
    pair.sendmsg([text], rights)
    pair.close()
    if listener is not None:
        os.close(listener)


if __name__ == "__main__":
    # appended, so that packages of this environment do not shadow the standard library
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))  # noqa: PTH100, PTH118, PTH120
    main(sys.argv[1:])
