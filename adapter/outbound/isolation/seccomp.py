"""A kernel filter for the system calls of a thread, which all processes started from it inherit.

It needs neither a privilege nor a package, because a process may always give up rights. The filter cannot be removed.

The imports are few, because each start of a program waits for them: `platform`, `dataclasses` and `socket` would
double the time.

Sources: the Linux manual, seccomp(2), prctl(2) PR_SET_NO_NEW_PRIVS, and socket(2); the numbers are those of the
kernel's syscall tables and of linux/audit.h.
"""

import _socket
import ctypes
import errno
import os
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_ASK = 0x7FC00000  # SECCOMP_RET_USER_NOTIF
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_WAIT_KILLABLE = 32  # no other signal interrupts a call that is being answered, which would be asked about again (5.19)
_X32 = 0x40000000  # this bit marks calls of the x32 ABI, which has other numbers
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; the low half of the first argument
_AF_NETLINK = 16
# Unix sockets reach the sandbox. getaddrinfo uses netlink to query the kernel about this machine.
_FAMILIES = (_socket.AF_UNIX, _AF_NETLINK)


class _Table:
    """The numbers of an architecture in linux/audit.h and of its system calls."""

    def __init__(self, audit: int, seccomp: int, socket: int, connect: int, others: tuple[int, ...]) -> None:
        self.audit, self.seccomp, self.socket, self.connect, self.others = audit, seccomp, socket, connect, others


# System calls that would circumvent the other refusals: io_uring opens sockets without socket(2), mounts uncover
# covered sockets, another namespace has no covers, a debugged process or a copied descriptor has its own sockets. The
# order is:
# io_uring_setup mount umount2 pivot_root setns open_tree move_mount fsopen fsmount mount_setattr ptrace pidfd_getfd
# open_tree_attr
_GENERIC = (425, 40, 39, 41, 268, 428, 429, 430, 432, 442, 117, 438, 467)
_TABLES = {
    "x86_64": _Table(0xC000003E, 317, 41, 42, (425, 165, 166, 155, 308, 428, 429, 430, 432, 442, 101, 438, 467)),
    "aarch64": _Table(0xC00000B7, 277, 198, 203, _GENERIC),
    "riscv64": _Table(0xC00000F3, 277, 198, 203, _GENERIC),
}


class IsolationError(OSError):
    """The kernel cannot build the wall."""


def is_supported() -> bool:
    """Return whether this architecture has a filter, and the kernel takes one from this process."""
    if sys.platform != "linux" or _table() is None:
        return False
    # What is allowed fails because of the address (manual of Linux, seccomp(2), "Checking for support").
    _libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, None, 0, 0)
    return ctypes.get_errno() == errno.EFAULT


def refuse(*, network: bool, connections: bool = False, ask: bool = False) -> int | None:
    """Refuse system calls of this thread and of all processes that it starts from now on.

    A refused call fails with EACCES (sockets) or EPERM (ways around the wall), like a call without the privilege.

    Args:
        network: Whether sockets of all families except Unix and netlink are refused.
        connections: Whether all connections are refused, including those of Unix sockets.
        ask: Whether the kernel asks somebody about each connection instead; see `gate.py`.

    Returns:
        The descriptor on which the kernel asks; None where it was not to, or this kernel does not.

    Raises:
        IsolationError: The kernel did not accept the filter, or the filter does not work.
    """
    table = _table()
    if table is None:
        raise IsolationError(errno.ENOSYS, f"no filter is known for {os.uname().machine}")
    libc = _libc()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, None, 0, 0) != 0:
        raise _refused_by_kernel()
    listener: int | None = None
    if ask:
        header, _code = _filter(table, network=network, connect=_ASK)
        for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
            if listener is None or listener < 0:
                listener = libc.syscall(table.seccomp, _SET_MODE_FILTER, flags, header)
    if listener is None or listener < 0:
        listener = None
        header, _code = _filter(table, network=network, connect=_ERRNO | errno.EACCES if connections else None)
        if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) != 0:
            raise _refused_by_kernel()
    if network and not _is_refused():
        raise IsolationError(errno.ENOSYS, "the filter was taken, but a network socket can still be opened")
    return listener


def _refused_by_kernel() -> IsolationError:
    number = ctypes.get_errno()
    return IsolationError(number, os.strerror(number))


def _is_refused() -> bool:
    try:
        _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM).close()
    except PermissionError:
        return True
    except OSError:  # this machine has no such network
        return True
    return False


def _filter(table: _Table, *, network: bool, connect: int | None) -> "tuple[ctypes.Array[ctypes.c_char], object]":
    """Return a filter as the kernel reads it, and the memory that it points to, which must stay meanwhile."""
    program = b"".join(_program(table, network=network, connect=connect))
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    return ctypes.create_string_buffer(header, len(header)), code


def _program(table: _Table, *, network: bool, connect: int | None) -> "Iterator[bytes]":
    """Yield the instructions `code, jump if true, jump if false, operand`; jumps count from the next instruction."""
    yield _instruction(_LOAD, _ARCHITECTURE)
    yield _instruction(_EQUAL, table.audit, true=1)
    yield _instruction(_RETURN, _ERRNO | errno.EPERM)  # another ABI has other numbers
    yield _instruction(_LOAD, _NUMBER)
    yield _instruction(_AT_LEAST, _X32, false=1)
    yield _instruction(_RETURN, _ERRNO | errno.EPERM)
    for number in table.others:
        yield _instruction(_EQUAL, number, false=1)
        yield _instruction(_RETURN, _ERRNO | errno.EPERM)
    if connect is not None:
        yield _instruction(_EQUAL, table.connect, false=1)
        yield _instruction(_RETURN, connect)
    if network:
        yield _instruction(_EQUAL, table.socket, false=len(_FAMILIES) + 2)
        yield _instruction(_LOAD, _ARGUMENT)
        for remaining in range(len(_FAMILIES), 0, -1):
            yield _instruction(_EQUAL, _FAMILIES[-remaining], true=remaining)
        yield _instruction(_RETURN, _ERRNO | errno.EACCES)
    yield _instruction(_RETURN, _ALLOW)


def _instruction(code: int, operand: int, *, true: int = 0, false: int = 0) -> bytes:
    return struct.pack("HBBI", code, true, false, operand)


def _table() -> _Table | None:
    is_64_bit = sys.maxsize > 2**32  # a 32-bit program on such a kernel has another ABI
    return _TABLES.get(os.uname().machine) if is_64_bit else None


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong)
    return libc
