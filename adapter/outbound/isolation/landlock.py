"""Keeps this process and its children from others that they do not come from, as the kernel alone can do it.

Processes in a domain of Landlock neither read nor write the memory of processes outside of it, whoever they run as. The
abstract Unix sockets of others, which no mount can cover, are refused where the kernel is new enough.

Source: the Linux manual, landlock(7), "Ptrace restrictions"; LANDLOCK_ACCESS_FS_REFER exists since ABI 2 (Linux 5.19),
scopes since ABI 6 (Linux 6.12).
"""

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_SCOPE_ABSTRACT_UNIX_SOCKET = 1
_REFER = 1 << 13  # LANDLOCK_ACCESS_FS_REFER
_PATH_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH


def leave_others() -> bool:
    """Move this thread, and all that it starts, into a domain of their own.

    The thread must have given up new privileges before, as `seccomp.refuse` does.

    Returns:
        Whether abstract sockets are refused, except those of processes that it starts. Where the kernel supports no
        domains that leave files alone, nothing is changed.
    """
    return _leave_sockets() or _leave_memory()


def _leave_sockets() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    ruleset = _ruleset(libc, struct.pack("QQQ", 0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET))
    return bool(ruleset >= 0 and libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)


def _leave_memory() -> bool:
    """Enter a domain that refuses no file: it handles what links and renames may do, and allows that everywhere."""
    libc = ctypes.CDLL(None, use_errno=True)
    ruleset = _ruleset(libc, struct.pack("Q", _REFER))
    if ruleset >= 0:
        root = os.open("/", os.O_PATH)
        rule = ctypes.create_string_buffer(struct.pack("=Qi", _REFER, root))
        if libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0) == 0:
            libc.syscall(_RESTRICT_SELF, ruleset, 0)
        os.close(root)
    return False


def _ruleset(libc: ctypes.CDLL, attributes: bytes) -> int:
    size = ctypes.c_size_t(len(attributes))
    return int(libc.syscall(_CREATE_RULESET, ctypes.create_string_buffer(attributes), size, 0))
