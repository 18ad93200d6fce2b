"""What a socket's file is, and who listens there: names and paths of sockets are chosen by whoever binds them.

A path can be linked, moved and exchanged, and several sockets can have been bound by the same one. The file behind it
is one file only, as long as it is held open.

Sources: the Linux manual, unix(7), sock_diag(7), and proc(5) for /proc/PID/fdinfo and /proc/PID/mountinfo.
"""

import errno
import os
import re
import socket
import stat
import struct
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

_SOCK_DIAG, _BY_FAMILY = 4, 20  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_LISTENING = 1 << 10  # TCP_LISTEN
_SHOW_NAME_AND_FILE = 1 | 2  # UDIAG_SHOW_NAME, UDIAG_SHOW_VFS
_NAME, _FILE = 0, 1  # UNIX_DIAG_NAME, UNIX_DIAG_VFS
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_QUERY = struct.Struct("=BBHIIIII")  # struct unix_diag_req
_ANSWER = struct.Struct("=BBBBIII")  # struct unix_diag_msg
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_DEVICE_BITS = 20  # of the minor number, in the kernel's own form
_INODE_BITS = 0xFFFFFFFF  # of an inode's number, which are all that is told
_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group


class SocketFile:
    """A socket's file, held until this object is gone: no other file becomes this one meanwhile."""

    def __init__(self, path: str) -> None:
        """Hold a file.

        Raises:
            OSError: There is none, or it is no socket.
        """
        self.descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.descriptor)
        self._status = os.fstat(self.descriptor)
        if not stat.S_ISSOCK(self._status.st_mode):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "no socket", path)

    @property
    def path(self) -> str:
        """A path of this file and of no other one, in this process."""
        return f"/proc/self/fd/{self.descriptor}"

    def is_same(self, other: "SocketFile") -> bool:
        """Return whether both are one file."""
        return os.path.samestat(self._status, other._status)  # noqa: SLF001 - of the same class

    def listening_process(self) -> int:
        """Connect, and return the process that listens; 0 where it is in another container.

        Raises:
            OSError: Nobody listens.
        """
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(self.path)
            return peer(probe.fileno())

    def identity(self) -> tuple[int, int]:
        """Return the device and the inode as the kernel has them, which `stat` shows otherwise on some file systems."""
        with open(f"/proc/self/fdinfo/{self.descriptor}", encoding="ascii") as listed:  # noqa: PTH123 - quick
            facts = dict(line.split(":", 1) for line in listed if ":" in line)
        device, inode = self._status.st_dev, int(facts.get("ino") or self._status.st_ino)
        with suppress(KeyError, StopIteration, OSError):
            mount = f"{int(facts['mnt_id'])} "
            with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:  # noqa: PTH123 - quick
                major, minor = next(line for line in mounts if line.startswith(mount)).split()[2].split(":")
            device = os.makedev(int(major), int(minor))
        return device, inode & _INODE_BITS


def peer(descriptor: int) -> int:
    """Return the process that listens at the other end of a connected Unix socket; 0 for one of another container."""
    with socket.socket(fileno=os.dup(descriptor)) as connected:
        credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process, _user, _group = _CREDENTIALS.unpack(credentials)
    return int(process)


@dataclass(frozen=True)
class Listener:
    """A Unix socket on which somebody listens.

    Attributes:
        inode: Of the socket, as /proc/PID/fd shows it.
        name: What it was bound to; an abstract name begins with a zero byte.
        file: Device and inode of its file; None for an abstract socket.
    """

    inode: int
    name: bytes
    file: tuple[int, int] | None


def listeners() -> list[Listener]:
    """Return the Unix sockets of this network namespace on which somebody listens.

    Raises:
        OSError: This kernel does not tell.
    """
    query = _QUERY.pack(socket.AF_UNIX, 0, 0, _LISTENING, 0, _SHOW_NAME_AND_FILE, _INODE_BITS, _INODE_BITS)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST_DUMP, 1, 0) + query)
        answers: list[Listener] = []
        while True:
            for kind, body in _messages(kernel.recv(1 << 16)):
                if kind == _DONE:
                    return answers
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", body)[0], "the kernel tells of no sockets")
                answers.append(_listener(body))


def can_tell_listeners() -> bool:
    """Return whether the kernel tells of Unix sockets with their files."""
    try:
        listeners()
    except OSError:
        return False
    return True


def are_of(inodes: Iterable[int], processes: Iterable[int]) -> bool:
    """Return whether these sockets are open in some of these processes, each of them, and there is one."""
    wanted = set(inodes)
    if not wanted:
        return False
    for pid in processes:
        with suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - quick
                with suppress(OSError):
                    target = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{descriptor}"))  # noqa: PTH115 - quick
                    if target:
                        wanted.discard(int(target[1]))
        if not wanted:
            return True
    return False


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        length, kind, *_ = _HEADER.unpack_from(data, place)
        yield kind, data[place + _HEADER.size : place + length]
        place += _aligned(length)


def _listener(body: bytes) -> Listener:
    *_, inode, _low, _high = _ANSWER.unpack_from(body)
    attributes, place = {}, _ANSWER.size
    while place < len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, place)
        attributes[kind] = body[place + _ATTRIBUTE.size : place + length]
        place += _aligned(length)
    file = None
    if _FILE in attributes:
        file_inode, device = struct.unpack("=II", attributes[_FILE])
        file = os.makedev(device >> _DEVICE_BITS, device & ((1 << _DEVICE_BITS) - 1)), file_inode
    return Listener(inode, attributes.get(_NAME, b""), file)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
