"""Decides each connection of a process behind the wall, from outside of it: only the sandbox's sockets are let through.

The kernel stops every `connect` of the process and asks this one. The socket is copied from there and connected here,
to the address that was read and the file that was looked at here, so that nothing which the process changes meanwhile
leads elsewhere. The kernel never goes on with a call by itself: the process could exchange the socket before it does.
It does not matter in which folder, mount or network namespace another server has its socket, nor when it starts.

Sources: the Linux manual, seccomp_unotify(2), pidfd_getfd(2), and unix(7).
"""

import array
import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapter.outbound.isolation.processes import descendants
from adapter.outbound.isolation.socket_files import SocketFile, are_of, can_tell_listeners, listeners

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_RESPONSE = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # ioctls of linux/seccomp.h
_PIDFD_GETFD = 438  # the same on every architecture
_LONGEST = 128  # bytes of struct sockaddr_storage
_FAMILY = struct.Struct("=H")  # what an address begins with
_DESCENDANTS_ONLY = 1  # what Yama's ptrace_scope may be for a process to look into its own children


def is_available() -> bool:
    """Return whether this process may copy descriptors of those that it starts, and is told who listens where."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return False
    with suppress(OSError, ValueError):
        scope = int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text(encoding="ascii"))
        if scope > _DESCENDANTS_ONLY and os.geteuid() != 0:
            return False
    try:
        os.close(_copied_descriptor(os.getpid(), 0))
    except OSError as error:
        if error.errno != errno.EBADF:  # it is allowed, and there is no standard input
            return False
    return can_tell_listeners()


class Gate:
    """Answers the kernel for one process and all that it starts, in a thread of its own.

    Attributes:
        theirs: The socket through which the process tells how it was started.
        stands: Whether the process's connections are asked about.
        covered: Whether the process itself has covered the sockets of others, as far as they could be found.
        kept: The sockets that the process may reach, by their paths.
    """

    def __init__(self, kept: Mapping[str, SocketFile] | None = None) -> None:
        """Make the pair of sockets through which the process tells, and hands over what to answer on.

        Args:
            kept: The sockets of an earlier gate.
        """
        self.kept = dict(kept or {})
        self._ours, self.theirs = socket.socketpair()
        self._wake = os.pipe()
        self._pid = 0
        self.stands = self.covered = False
        self._known = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self, pid: int) -> None:
        """Begin to answer for a process that has been started with the other socket of the pair."""
        self.theirs.close()
        self._pid = pid
        self._thread = threading.Thread(target=self._serve, name="gate", daemon=True)
        self._thread.start()

    def let_through(self, path: str, listener: int | None = None) -> None:
        """Let the process reach the socket that is at a path now; what takes its place later is not reached.

        Args:
            path: Of the socket; for one that is let through already, nothing is changed.
            listener: The process that must listen there; None where whatever does is meant.

        Raises:
            OSError: There is no such socket, or another process listens.
        """
        if path in self.kept:
            return
        file = SocketFile(path)
        if listener is not None and file.listening_process() != listener:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "another process listens there", path)
        self.kept[path] = file

    def holds(self, seconds: float) -> bool:
        """Return whether other sockets are out of reach, by being asked about or covered, as soon as that is known."""
        self._known.wait(seconds)
        return self.stands or self.covered

    def close(self) -> None:
        """Stop answering: what is left of the process can connect to nothing any more. Safe to call again."""
        if self._thread is None:
            return
        os.close(self._wake[1])
        self._thread.join()
        os.close(self._wake[0])
        self._ours.close()
        self._thread = None

    def _serve(self) -> None:
        listener = self._received()
        self.stands = listener is not None
        self._known.set()
        if listener is None:
            return
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(self._wake[0], select.POLLHUP)
        try:
            while True:
                events = dict(poll.poll())
                if self._wake[0] in events or not events.get(listener, 0) & select.POLLIN:
                    return
                if not self._answer_next(listener):
                    return
        finally:
            os.close(listener)

    def _received(self) -> int | None:
        """Return the descriptor that the process hands over; None where its kernel gave it none."""
        poll = select.poll()
        poll.register(self._ours, select.POLLIN)
        poll.register(self._wake[0], select.POLLHUP)
        if self._wake[0] in dict(poll.poll()):
            return None
        descriptors = array.array("i")
        text, ancillary, _, _ = self._ours.recvmsg(16, socket.CMSG_SPACE(descriptors.itemsize))
        self.covered = text == b"covered"
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: descriptors.itemsize])
        return descriptors[0] if descriptors else None

    def _answer_next(self, listener: int) -> bool:
        """Answer one question; return whether more can be answered: the kernel refuses all that nobody answers."""
        request = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, request)
        except OSError as error:
            return error.errno in {errno.ENOENT, errno.EINTR}  # the process that asked has ended
        # A connection may wait for the one that accepts it, which may ask here itself.
        threading.Thread(target=self._answer, args=(listener, bytes(request)), name="gate-answer", daemon=True).start()
        return True

    def _answer(self, listener: int, request: bytes) -> None:
        notification, thread, _, _, _, _, descriptor, address, length, *_ = _NOTIFICATION.unpack(request)
        code = 0
        try:
            self._connect(listener, notification, thread, (descriptor, address, length))
        except OSError as error:
            code = -(error.errno or errno.EACCES)
        except Exception:  # noqa: BLE001 - whatever is not understood is refused
            code = -errno.EACCES
        with suppress(OSError):  # the process that asked has ended
            fcntl.ioctl(listener, _SEND, _RESPONSE.pack(notification, 0, code, 0))

    def _connect(self, listener: int, notification: int, thread: int, call: tuple[int, int, int]) -> None:
        """Connect the socket of a process, where that is allowed.

        Raises:
            OSError: It is not allowed, or fails.
        """
        descriptor, address, length = call
        with socket.socket(fileno=_copied_descriptor(_process_of(thread), descriptor)) as copied:
            content = _read(thread, address, length)
            folder = os.readlink(f"/proc/{thread}/cwd")  # noqa: PTH115 - quick
            fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", notification))  # it was all that process's
            if copied.family == socket.AF_NETLINK:  # the kernel's: it is talked to without
                raise OSError(errno.EPERM, "a socket of the kernel is not connected")
            path = content[_FAMILY.size :]
            is_address = content.startswith(_FAMILY.pack(socket.AF_UNIX)) and path
            if copied.family != socket.AF_UNIX or not is_address:  # no other address leads to a Unix socket
                _connect_to(copied, content)
                return
            if path.startswith(b"\0"):
                self._refuse_foreign([listener.inode for listener in listeners() if listener.name == path])
                _connect_to(copied, content)
                return
            self._connect_to_file(copied, os.path.join(folder, os.fsdecode(path.partition(b"\0")[0])))  # noqa: PTH118 - quick

    def _connect_to_file(self, copied: socket.socket, path: str) -> None:
        file = SocketFile(path)
        # Postgres listens on streams; what goes to the system's log is none.
        if copied.type != socket.SOCK_DGRAM and not any(file.is_same(kept) for kept in self.kept.values()):
            identity = file.identity()
            self._refuse_foreign([listener.inode for listener in listeners() if listener.file == identity])
        copied.connect(file.path)

    def _refuse_foreign(self, inodes: list[int]) -> None:
        """Raise an OSError where not all of these sockets, or none, are open in processes behind the wall."""
        if not are_of(inodes, descendants(self._pid)):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the socket of another process is out of reach")


def _connect_to(copied: socket.socket, address: bytes) -> None:
    """Connect to an address as the process gave it.

    Raises:
        OSError: It fails, or goes on while the process does something else.
    """
    if ctypes.CDLL(None, use_errno=True).connect(copied.fileno(), address, len(address)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _copied_descriptor(pid: int, descriptor: int) -> int:
    process = os.pidfd_open(pid)
    try:
        copied = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, ctypes.c_int(descriptor), 0)
    finally:
        os.close(process)
    if copied < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(copied)


def _process_of(thread: int) -> int:
    with open(f"/proc/{thread}/status", encoding="utf-8") as status:  # noqa: PTH123 - quick
        return next(int(line.split()[1]) for line in status if line.startswith("Tgid:"))


def _read(thread: int, address: int, length: int) -> bytes:
    """Read the address of a socket in the memory of a process."""
    if not _FAMILY.size <= length <= _LONGEST:
        raise OSError(errno.EINVAL, "no address")
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - quick
        memory.seek(address)
        return memory.read(length)
