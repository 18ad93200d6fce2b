"""Below every driver: sockets, system calls, and what the kernel offers beside `socket(2)`."""

import asyncio
import ctypes
import ctypes.util
import fcntl
import mmap
import os
import platform
import socket
import struct
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_SYSCALLS = {"x86_64": {"socket": 41, "connect": 42}, "aarch64": {"socket": 198, "connect": 203}}
_X32 = 0x40000000
_AF_SMC = 43


def _startup(to: Any) -> bytes:
    parts = ("user", to.user, "database", to.database, "")
    body = struct.pack("!i", 196608) + b"\0".join(part.encode() for part in parts) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


_QUERY = b"SELECT current_database()\0"


def _talk(connection: socket.socket, to: Any) -> str:
    """Speak the protocol as far as one answer."""
    with connection:
        connection.settimeout(5)
        connection.sendall(_startup(to) + b"Q" + struct.pack("!i", len(_QUERY) + 4) + _QUERY)
        stream = connection.makefile("rb")
        while header := stream.read(5):
            kind, length = struct.unpack("!ci", header)
            body = stream.read(length - 4)
            if kind == b"D":
                return str(body[6:].decode())
            if kind == b"E":
                raise ConnectionError(body.replace(b"\0", b" ").decode())
    raise ConnectionError("no answer")


def _address(to: Any) -> tuple[int, Any]:
    return (socket.AF_UNIX, to.path) if to.path else (socket.AF_INET, (to.host, to.port))


def raw_socket(to: Any) -> str:
    """`socket.socket().connect(…)`"""
    family, address = _address(to)
    connection = socket.socket(family)
    connection.connect(address)
    return _talk(connection, to)


def raw_create_connection(to: Any) -> str:
    """`socket.create_connection`, IPv6 for TCP"""
    if to.path:
        return raw_socket(to)
    connection = socket.socket(socket.AF_INET6)
    connection.connect((f"::ffff:{to.host}", to.port))
    return _talk(connection, to)


def raw_asyncio(to: Any) -> str:
    """`asyncio.open_connection`"""

    async def ask() -> str:
        opened = asyncio.open_unix_connection(to.path) if to.path else asyncio.open_connection(to.host, to.port)
        reader, writer = await opened
        writer.write(_startup(to) + b"Q" + struct.pack("!i", len(_QUERY) + 4) + _QUERY)
        while True:
            kind, length = struct.unpack("!ci", await reader.readexactly(5))
            body = await reader.readexactly(length - 4)
            if kind == b"D":
                writer.close()
                return str(body[6:].decode())

    return asyncio.run(ask())


def ctypes_libpq(to: Any) -> str:
    """`ctypes` on libpq"""
    libpq = ctypes.CDLL(to.libpq)
    libpq.PQconnectdb.restype = libpq.PQexec.restype = ctypes.c_void_p
    libpq.PQgetvalue.restype = libpq.PQerrorMessage.restype = ctypes.c_char_p
    connection = ctypes.c_void_p(libpq.PQconnectdb(to.url.encode()))
    try:
        if libpq.PQstatus(connection) != 0:
            raise ConnectionError(libpq.PQerrorMessage(connection).decode())
        answer = ctypes.c_void_p(libpq.PQexec(connection, _QUERY[:-1]))
        return str(libpq.PQgetvalue(answer, 0, 0).decode())
    finally:
        libpq.PQfinish(connection)


def _checked(result: int, number: int | None = None) -> int:
    if result < 0:
        code = number or ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _connect_by_syscall(to: Any, descriptor: int) -> str:
    """Connect a descriptor that is a socket, by the system call."""
    if to.path:
        address = struct.pack("=H", socket.AF_UNIX) + to.path.encode() + (b"" if to.path[0] == "\0" else b"\0")
    else:
        address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", to.port) + socket.inet_aton(to.host) + b"\0" * 8
    number = _SYSCALLS[platform.machine()]["connect"]
    _checked(_LIBC.syscall(number, descriptor, address, len(address)))
    return _talk(socket.socket(fileno=descriptor), to)


def ctypes_syscall(to: Any) -> str:
    """`ctypes` on `syscall(2)`: socket, connect"""
    family, _ = _address(to)
    number = _SYSCALLS[platform.machine()]["socket"]
    return _connect_by_syscall(to, _checked(_LIBC.syscall(number, family, socket.SOCK_STREAM, 0)))


def syscall_x32(to: Any) -> str:
    """a system call of the x32 ABI"""
    family, _ = _address(to)
    return _connect_by_syscall(to, _checked(_LIBC.syscall(_X32 + 41, family, socket.SOCK_STREAM, 0)))


def syscall_i386(to: Any) -> str:
    """`int 0x80`, a system call of 32 bits from machine code in memory"""
    if platform.machine() != "x86_64":
        raise OSError(38, os.strerror(38))
    family, _ = _address(to)
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    # push rbx; mov ebx, edi; mov ecx, esi; mov eax, 359 (socket); int 0x80; pop rbx; ret
    code.write(bytes.fromhex("5389fb89f1b867010000cd805bc3"))
    entry = ctypes.addressof(ctypes.c_char.from_buffer(code))
    function = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int)(entry)
    result = function(family, socket.SOCK_STREAM, 0)
    return _connect_by_syscall(to, _checked(result, -result))


def io_uring(to: Any) -> str:
    """`io_uring`: a ring that opens the socket"""
    family, _ = _address(to)
    return _connect_by_syscall(to, _ring_socket(family))


def _ring_socket(family: int) -> int:
    """Have the kernel open a socket by a ring with one entry (IORING_OP_SOCKET, Linux 5.19)."""
    parameters = (ctypes.c_uint32 * 30)()
    ring = _checked(_LIBC.syscall(425, 1, parameters))
    # struct io_uring_params: 10 numbers, then the offsets of the two rings
    entries, sq, cq = parameters[0], parameters[10:20], parameters[20:30]
    queue = mmap.mmap(ring, max(sq[6] + entries * 4, cq[5] + parameters[1] * 16), offset=0)
    entry = mmap.mmap(ring, 64, offset=0x10000000)
    entry[0:64] = struct.pack("=BBHiQQIIQHHIQQ", 45, 0, 0, family, socket.SOCK_STREAM, 0, 0, 0, 7, 0, 0, 0, 0, 0)
    struct.pack_into("=I", queue, sq[6], 0)
    struct.pack_into("=I", queue, sq[1], struct.unpack_from("=I", queue, sq[1])[0] + 1)
    _checked(_LIBC.syscall(426, ring, 1, 1, 1, None, 0))
    (_, result, _) = struct.unpack_from("=QiI", queue, cq[5])
    return _checked(result, -result)


def smc_socket(to: Any) -> str:
    """`AF_SMC`, a family that falls back to TCP"""
    if to.path:
        return raw_socket(to)
    connection = socket.socket(_AF_SMC, socket.SOCK_STREAM, 0)
    return _connect_by_syscall(to, connection.detach())


def socket_of_victim_root(to: Any) -> str:
    """the socket below `/proc/PID/root` of a process outside"""
    if not to.path or to.path[0] == "\0":
        return raw_socket(to)
    errors = []
    for pid in (os.getppid(), to.victim_pid, to.test_pid, 1):
        connection = socket.socket(socket.AF_UNIX)
        try:
            # a short way to it: the path of a socket has 107 bytes
            folder = os.open(f"/proc/{pid}/root{Path(to.path).parent}", os.O_PATH)
            connection.connect(f"/proc/self/fd/{folder}/{Path(to.path).name}")
        except OSError as error:
            errors.append(str(error))
            continue
        return _talk(connection, to)
    raise ConnectionError(errors[0])


def socket_uncovered(to: Any) -> str:
    """the socket, after `umount(2)` of whatever covers it"""
    # never in the namespace of the machine
    if to.path and to.path[0] != "\0" and str(Path("/proc/self/ns/mnt").readlink()) != to.test_namespace:
        for place in (to.path, str(Path(to.path).parent)):
            _LIBC.umount2(place.encode(), 2)
    return raw_socket(to)


def socket_other_namespace(to: Any) -> str:
    """the socket or port, after `setns(2)` into the namespaces of a process outside"""
    for pid in (to.victim_pid, to.test_pid, os.getppid(), 1):
        for name in ("user", "mnt", "net"):
            try:
                descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
            except OSError:
                continue
            _LIBC.setns(descriptor, 0)
            os.close(descriptor)
    return raw_socket(to)


def socket_of_same_name(to: Any) -> str:
    """the socket, by a name that a socket of the process's own has as well"""
    if not to.path:
        return raw_socket(to)
    folder = Path(tempfile.mkdtemp(dir=to.folder))
    here, listening = Path.cwd(), socket.socket(socket.AF_UNIX)
    try:
        os.chdir(folder)
        # a file's name with an @ is shown as an abstract name is
        relative = Path("@" + to.path[1:] if to.path[0] == "\0" else Path(to.path).name)
        relative.parent.mkdir(exist_ok=True)
        listening.bind(str(relative))
        listening.listen()
        if to.path[0] != "\0":
            os.chdir(Path(to.path).parent)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(to.path if to.path[0] == "\0" else relative.name)
        return _talk(connection, to)
    finally:
        os.chdir(here)
        listening.close()


def socket_linked(to: Any) -> str:
    """the socket, linked into a folder of the process's own in the place of a socket there"""
    if not to.path or to.path[0] == "\0":
        return raw_socket(to)
    own = Path(tempfile.mkdtemp(dir=to.folder), "own")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(own))
        listening.listen()
        own.unlink()
        own.hardlink_to(to.path)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(own))
        return _talk(connection, to)


def socket_exchanged(to: Any) -> str:
    """the socket, in the place of another that a thread exchanges while the kernel asks"""
    kernel, place = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), os.dup(0)
    opened = [socket.socket(_address(to)[0])]
    running = True

    def exchange() -> None:
        while running:
            os.dup2(kernel.fileno(), place)
            os.dup2(opened[0].fileno(), place)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            try:
                return _connect_by_syscall(to, place)
            except (OSError, ConnectionError):
                opened[0] = socket.socket(_address(to)[0])
    finally:
        running = False
        thread.join()
    return raw_socket(to)


def memory_of_others(to: Any) -> str:
    """code in the memory of a process outside, as its user"""
    errors = []
    for pid in (to.victim_pid, to.test_pid, 1):
        child = os.fork()
        if child == 0:
            try:
                owner = Path(f"/proc/{pid}").stat()
                if os.geteuid() == 0 and owner.st_uid != 0:
                    os.setgid(owner.st_gid)
                    os.setuid(owner.st_uid)
                os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
            except OSError as error:
                os._exit(error.errno or 1)
            os._exit(0)
        errors.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if 0 in errors:
        return "the memory of another process"
    raise OSError(errors[0], os.strerror(errors[0]))


def interface(to: Any) -> str:
    """packets of a network interface of the process's own"""
    if to.path:
        return raw_socket(to)
    opened = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(opened, 0x400454CA, struct.pack("16sH22x", b"hexalembic0", 0x1001))
    return "an interface"


def helper_of_kernel(to: Any) -> str:
    """a program that the kernel starts: `core_pattern`"""
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    return f"a setting of the kernel, and {to.host}"
