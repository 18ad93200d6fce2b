"""Starts a command as in a container that forbids some system calls: `forbidding.py ERRNO NAME… -- COMMAND…`."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator

# Number of the call on x86-64 and on others, which of its arguments is looked at, and for which value of it.
_CALLS = {
    "landlock": (444, 444, None, 0),
    "netlink": (41, 198, 0, 16),  # socket(AF_NETLINK, …)
    "pidfd_getfd": (438, 438, None, 0),
    "pidfd_open": (434, 434, None, 0),
    "prctl": (157, 167, 0, 22),  # prctl(PR_SET_SECCOMP, …)
    "receive": (16, 29, 1, 0xC0502100),  # ioctl(…, SECCOMP_IOCTL_NOTIF_RECV, …)
    "seccomp": (317, 277, None, 0),
    "unshare": (272, 97, None, 0),
}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2


def _program(names: list[str], code: int) -> Iterator[bytes]:
    for name in names:
        on_x86, on_others, argument, value = _CALLS[name]
        yield struct.pack("HBBI", _LOAD, 0, 0, 0)
        yield struct.pack("HBBI", _EQUAL, 0, 1 if argument is None else 3, on_x86 if _is_x86() else on_others)
        if argument is not None:
            yield struct.pack("HBBI", _LOAD, 0, 0, 16 + 8 * argument)
            yield struct.pack("HBBI", _EQUAL, 0, 1, value)
        yield struct.pack("HBBI", _RETURN, 0, 0, _ERRNO | code)
    yield struct.pack("HBBI", _RETURN, 0, 0, _ALLOW)


def _is_x86() -> bool:
    return os.uname().machine == "x86_64"


def main(arguments: list[str]) -> None:
    """Forbid the calls and replace this process by the command."""
    end = arguments.index("--")
    program = b"".join(_program(arguments[1:end], getattr(errno, arguments[0])))
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, header, 0, 0):
        sys.exit(f"nothing can be forbidden here: {os.strerror(ctypes.get_errno())}")
    os.execvp(arguments[end + 1], arguments[end + 1 :])  # noqa: S606 - the arguments are a list


if __name__ == "__main__":
    main(sys.argv[1:])
