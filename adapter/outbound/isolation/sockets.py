"""Covers the sockets of other Postgres servers in a mount namespace of this process and its children.

Root finds the kernel's settings read-only there.

An ordinary user needs a user namespace around the mount namespace. The system may not allow that, and containers often
do not.

Sources: the Linux manual, unshare(2), user_namespaces(7), mount_namespaces(7), and proc_net(5) for /proc/net/unix.
"""

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_SLAVE = 1, 32, 0x1000, 0x4000, 0x80000
_SOCKET = "/.s.PGSQL."
# Socket folders of distributions. They are covered completely, so that a server that starts later is hidden too.
_WELL_KNOWN = ("/run/postgresql", "/var/run/postgresql")
# Here root names programs that the kernel starts, such as core_pattern: they would be no children of this process.
_SETTINGS_OF_KERNEL = (b"/proc/sys", b"/sys")
_NOTHING = b"/dev/null"  # a connection to a file that is not a socket is refused


def cover(keep: "Iterable[str]") -> bool:
    """Cover the sockets of all Postgres servers except those below some folders.

    Args:
        keep: Folders whose sockets stay reachable.

    Returns:
        Whether all are covered. If this user gets no namespace on this system, it is False and nothing is changed.
    """
    kept_prefixes = tuple(f"{os.path.realpath(folder)}/" for folder in keep)
    sockets = {path for path in map(os.path.realpath, _sockets()) if not path.startswith(kept_prefixes)}
    if not _own_namespace():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    folders = {os.path.realpath(folder) for folder in _WELL_KNOWN if os.path.isdir(folder)}  # noqa: PTH112 - quick start
    folders |= {os.path.dirname(path) for path in sockets if _is_data_directory(os.path.dirname(path))}  # noqa: PTH120
    folders = {folder for folder in folders if not any(f"{folder}/".startswith(prefix) for prefix in kept_prefixes)}
    mounts = [libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=4k,mode=755") == 0 for folder in folders]
    other_sockets = [os.fsencode(path) for path in sockets if os.path.exists(path)]  # noqa: PTH110 - sockets outside of covered folders
    return all([*mounts, *(libc.mount(_NOTHING, path, None, _MS_BIND, None) == 0 for path in other_sockets)])


def _sockets() -> list[str]:
    """Read the paths of Postgres sockets on which a process listens."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:  # noqa: PTH123
            paths = [line.split(maxsplit=7)[-1].rstrip("\n") for line in table]
    except OSError:
        return []
    return [path for path in paths if path.startswith("/") and path.rpartition(_SOCKET)[2].isdigit()]


def _is_data_directory(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, "PG_VERSION"))  # noqa: PTH110, PTH118


def _own_namespace() -> bool:
    """Move this process into its own mount namespace, for an ordinary user inside a user namespace with the same id."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        if libc.unshare(_CLONE_NEWNS) != 0 or not _keeps_mounts(libc):
            return False
        for folder in _SETTINGS_OF_KERNEL:
            libc.mount(folder, folder, None, _MS_BIND, None)
            libc.mount(None, folder, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)
        return True
    # An incomplete user namespace would leave this process without its user, so a child tries it first.
    child = os.fork()
    if child == 0:
        os._exit(0 if _own_user_namespace(libc) else 1)
    return os.waitpid(child, 0)[1] == 0 and _own_user_namespace(libc)


def _own_user_namespace(libc: ctypes.CDLL) -> bool:
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS) != 0:
        return False
    try:
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as map_file:  # noqa: PTH123
                map_file.write(line)
    except OSError:
        return False
    return _keeps_mounts(libc)


def _keeps_mounts(libc: ctypes.CDLL) -> bool:
    """Hide all further mounts of this process from others, and return whether that worked."""
    return bool(libc.mount(b"none", b"/", None, _MS_REC | _MS_SLAVE, None) == 0)
