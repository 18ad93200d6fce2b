"""Decides each connection of a process behind the wall, from outside of it: only the sandbox's sockets are let through.

The kernel stops every `connect` of the process and asks this one. The socket is copied from there and connected here,
by the path that was looked at here, so that nothing which the process changes meanwhile leads elsewhere. It does not
matter in which folder, mount or network namespace another server has its socket, nor when it starts.

Sources: the Linux manual, seccomp_unotify(2), pidfd_getfd(2), unix(7), and proc_net(5) for /proc/net/unix.
"""

import array
import ctypes
import errno
import fcntl
import os
import select
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from adapter.outbound.isolation.processes import descendants

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_RESPONSE = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_RECEIVE, _SEND, _IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # ioctls of linux/seccomp.h
_CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE: the kernel goes on with the call itself
_PIDFD_GETFD = 438  # the same on every architecture
_LONGEST = 110  # bytes of struct sockaddr_un
_FAMILY = 2  # bytes of it before the path
_DESCENDANTS_ONLY = 1  # what Yama's ptrace_scope may be for a process to look into its own children


def is_available() -> bool:
    """Return whether this process may copy descriptors of the processes that it starts."""
    if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
        return False
    with suppress(OSError, ValueError):
        scope = int(Path("/proc/sys/kernel/yama/ptrace_scope").read_text(encoding="ascii"))
        if scope > _DESCENDANTS_ONLY and os.geteuid() != 0:
            return False
    try:
        os.close(_copied_descriptor(os.getpid(), 0))
    except OSError as error:
        return error.errno == errno.EBADF  # it is allowed, and there is no standard input
    return True


class Gate:
    """Answers the kernel for one process and all that it starts, in a thread of its own.

    Attributes:
        theirs: The socket through which the process tells how it was started.
        stands: Whether the process's connections are asked about.
        covered: Whether the process itself has covered the sockets of others, as far as they could be found.
    """

    def __init__(self, keep: Iterable[str]) -> None:
        """Make the pair of sockets through which the process tells, and hands over what to answer on.

        Args:
            keep: Folders whose sockets the process may reach.
        """
        self._folders = frozenset(os.path.realpath(folder) for folder in keep)
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
                self._answer_next(listener)
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

    def _answer_next(self, listener: int) -> None:
        request = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, request)
        except OSError:  # the process that asked has ended
            return
        # A connection may wait for the one that accepts it, which may ask here itself.
        threading.Thread(target=self._answer, args=(listener, bytes(request)), name="gate-answer", daemon=True).start()

    def _answer(self, listener: int, request: bytes) -> None:
        notification, thread, _, _, _, _, descriptor, address, length, *_ = _NOTIFICATION.unpack(request)
        code, flags = 0, 0
        try:
            if not self._connect(listener, notification, thread, (descriptor, address, length)):
                flags = _CONTINUE
        except OSError as error:
            code = -(error.errno or errno.EACCES)
        except Exception:  # noqa: BLE001 - whatever is not understood is refused
            code = -errno.EACCES
        with suppress(OSError):  # the process that asked has ended
            fcntl.ioctl(listener, _SEND, _RESPONSE.pack(notification, 0, code, flags))

    def _connect(self, listener: int, notification: int, thread: int, call: tuple[int, int, int]) -> bool:
        """Connect the socket of a process, where that is allowed; False where the kernel may go on by itself.

        Raises:
            OSError: It is not allowed, or fails.
        """
        descriptor, address, length = call
        with socket.socket(fileno=_copied_descriptor(_process_of(thread), descriptor)) as copied:
            if copied.family != socket.AF_UNIX:
                return False
            path = _read(thread, address, length)
            fcntl.ioctl(listener, _IS_VALID, struct.pack("=Q", notification))  # it was that process's memory
            if not path:
                raise OSError(errno.EINVAL, "no address")
            if path.startswith(b"\0"):
                self._refuse_foreign(path.replace(b"\0", b"@"))
                copied.connect(path)
                return True
            real = os.path.realpath(os.path.join(os.readlink(f"/proc/{thread}/cwd"), os.fsdecode(path)))  # noqa: PTH115, PTH118 - quick
            is_kept = os.path.dirname(real) in self._folders  # noqa: PTH120 - quick
            # Postgres listens on streams; what goes to the system's log is none.
            if not is_kept and copied.type != socket.SOCK_DGRAM:
                self._refuse_foreign(path, os.fsencode(real))
            _connect_to_file(copied, real)
        return True

    def _refuse_foreign(self, *names: bytes) -> None:
        """Raise an OSError where no process behind the wall listens at a socket."""
        with open("/proc/net/unix", "rb") as listed:  # noqa: PTH123 - quick
            rows = [line.split(maxsplit=7) for line in listed]
        inodes = {row[6].decode() for row in rows if len(row) > 7 and row[7].rstrip(b"\n") in names}  # noqa: PLR2004 - the path is last
        own = {f"socket:[{inode}]" for inode in inodes}
        for pid in descendants(self._pid):
            with suppress(OSError):
                for descriptor in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - quick
                    with suppress(OSError):
                        if os.readlink(f"/proc/{pid}/fd/{descriptor}") in own:  # noqa: PTH115 - quick
                            return
        raise ConnectionRefusedError(errno.ECONNREFUSED, "the socket of another process is out of reach")


def _connect_to_file(copied: socket.socket, path: str) -> None:
    """Connect to a socket by its file, which is held meanwhile: another that takes its name is not reached."""
    held = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        if not stat.S_ISSOCK(os.fstat(held).st_mode):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "no socket")
        copied.connect(f"/proc/self/fd/{held}")
    finally:
        os.close(held)


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
    """Read the path of a socket's address in the memory of a process; what follows its end is no part of it."""
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - quick
        memory.seek(address)
        content = memory.read(min(length, _LONGEST))
    path = content[_FAMILY:]
    return path if path.startswith(b"\0") else path.partition(b"\0")[0]
