"""Refuses this process and its children the abstract Unix sockets of other processes, which no mount can cover.

Source: the Linux manual, landlock(7); scopes exist since ABI 6 (Linux 6.12).
"""

import ctypes
import struct

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # the same on every architecture
_SCOPE_ABSTRACT_UNIX_SOCKET = 1


def leave_abstract_sockets() -> bool:
    """Refuse this thread connections to abstract sockets, except those of processes that it starts.

    The thread must have given up new privileges before, as `seccomp.refuse` does.

    Returns:
        Whether the kernel supports it; if not, nothing is changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = struct.pack("QQQ", 0, 0, _SCOPE_ABSTRACT_UNIX_SOCKET)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.create_string_buffer(attributes), ctypes.c_size_t(24), 0)
    return bool(ruleset >= 0 and libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
