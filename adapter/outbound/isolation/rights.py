"""Rights that a process behind the wall gives up before it becomes the project's.

Source: the Linux manual, capabilities(7) and prctl(2).
"""

import ctypes

_PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 24, 36
# With these root sends packets without a socket, by an interface of its own; looks into other processes; gives itself
# mounts, another root or namespaces; or changes the kernel:
# NET_ADMIN NET_RAW SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_ADMIN SYS_BOOT PERFMON BPF (linux/capability.h)
_CAPABILITIES = (12, 13, 16, 17, 18, 19, 21, 22, 38, 39)


def give_up_rights() -> None:
    """Drop the capabilities by which root reaches other processes, and keep orphans for the one that ends them all.

    The program that replaces this process has the capabilities no more (manual of Linux, capabilities(7), "bounding
    set"); an ordinary user has none.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for capability in _CAPABILITIES:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
