"""Starts a program behind the wall: `launch.py [--network] [--keep FOLDER]… -- PROGRAM ARGUMENT…`.

It is run as a script by an interpreter that loads nothing else: `python -I -S`. The program replaces this process.
`--network` leaves the network open. `--keep` names a folder whose Postgres sockets stay reachable.
"""

import itertools
import os
import sys

FAILED = 78  # EX_CONFIG of sysexits.h: the wall could not be built, and nothing was started


def main(arguments: list[str]) -> None:
    """Build the wall and replace this process by the program."""
    from adapter.outbound.isolation.landlock import leave_abstract_sockets
    from adapter.outbound.isolation.seccomp import IsolationError, refuse
    from adapter.outbound.isolation.sockets import cover

    end = arguments.index("--")
    options, program = arguments[:end], arguments[end + 1 :]
    cover([folder for option, folder in itertools.pairwise(options) if option == "--keep"])
    try:
        refuse(network="--network" not in options)
    except IsolationError as error:
        sys.stderr.write(f"the kernel filter cannot be set up: {error.strerror}\n")
        sys.exit(FAILED)
    leave_abstract_sockets()
    os.execvp(program[0], program)  # noqa: S606 - the arguments are a list


if __name__ == "__main__":
    # appended, so that packages of this environment do not shadow the standard library
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))  # noqa: PTH100, PTH118, PTH120
    main(sys.argv[1:])
