"""The kernel keeps what is started behind the wall from the network and from other servers."""

import ctypes
import errno
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.isolation import seccomp, wall
from adapter.outbound.isolation.processes import descendants, end_descendants
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from tests.integration.isolation.user import Account, accounts

pytestmark = pytest.mark.one_major

MAJORS = [18, 16]
SELF = accounts()[0]
AS_EACH = pytest.mark.parametrize("user", accounts(), ids=lambda user: user.name)
FAMILIES = """
import ctypes, os, socket, sys
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, 40):
    try:
        socket.socket(family, socket.SOCK_STREAM)
        print(family, "open")
    except PermissionError:
        print(family, "refused")
    except OSError as error:
        print(family, "unknown", error)
socket.socket(socket.AF_UNIX)
one, other = socket.socketpair()
one.send(b"unix works")
print(other.recv(20).decode())
for call in sys.argv[1:]:
    print(call, ctypes.CDLL(None, use_errno=True).syscall(int(call), 0, 0, 0, 0), ctypes.get_errno(), flush=True)
if os.fork() == 0:
    os.setsid()
    os.execl(sys.executable, sys.executable, "-c", "import socket; socket.socket()")
print(os.wait()[1] != 0)
"""
REACH = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
    print("reached")
except OSError as error:
    print(type(error).__name__)
"""
COVER = """
import sys
from adapter.outbound.isolation.sockets import cover
print(cover([]))
exec(sys.argv.pop(1))
"""


def _around() -> list[str]:
    """Return the numbers of the calls that lead around the wall, such as that of io_uring."""
    table = seccomp._table()  # noqa: SLF001 - the numbers are what there is to try
    assert table is not None
    return [str(number) for number in table.others]


def _run(command: list[str], user: Account = SELF) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment, **user.starts()
    )
    assert done.returncode == 0, done.stderr
    return list(done.stdout.splitlines())


def test_no_family_but_unix_can_be_opened() -> None:
    """Network sockets of every family are refused, to children in sessions of their own as well; Unix sockets work."""
    lines = _run([*wall.launcher(network=False, keep=[]), sys.executable, "-c", FAMILIES, *_around()])
    assert lines[:5] == ["2 refused", "10 refused", "17 refused", "40 refused", "unix works"]
    assert lines[5:-1] == [f"{call} -1 {errno.EPERM}" for call in _around()]
    assert lines[-1] == "True"


def test_the_network_can_be_left_open() -> None:
    """With the network allowed, a socket of it can be opened; ways around the covered sockets stay refused."""
    lines = _run([*wall.launcher(network=True, keep=[]), sys.executable, "-c", FAMILIES, *_around()])
    assert lines[0] == "2 open"
    assert lines[5:-1] == [f"{call} -1 {errno.EPERM}" for call in _around()]
    assert lines[-1] == "False"


@pytest.fixture
def other_server() -> Iterator[embedded.EmbeddedServer]:
    """A server whose socket every user gets to that runs it."""
    with tempfile.TemporaryDirectory(prefix="hx") as folder:
        Path(folder).chmod(0o755)
        yield embedded.start(18, Path(folder), settings={"fsync": "off"})
        embedded.stop(18, Path(folder), force=True)


@AS_EACH
def test_sockets_of_other_servers_are_covered(other_server: embedded.EmbeddedServer, user: Account) -> None:
    """A server's Unix socket is refused to what is started behind the wall, unless its folder is to be kept."""
    folder = str(other_server.socket_directory)
    python = [sys.executable, "-c", REACH, f"{folder}/.s.PGSQL.5432"]
    assert _run(python, user) == ["reached"]
    # A system may give no namespaces to this user: then nothing can be covered, and that is said.
    covered, reached = _run([sys.executable, "-c", COVER, REACH, python[-1]], user)
    assert (covered, reached) in {("True", "FileNotFoundError"), ("False", "reached")}
    assert _run([*wall.launcher(network=False, keep=[]), *python], user) == [reached]
    assert _run([*wall.launcher(network=False, keep=[folder]), *python], user) == ["reached"]


@AS_EACH
def test_abstract_sockets_of_others_are_out_of_reach(user: Account) -> None:
    """A socket without a file is refused behind the wall where the kernel can do that, and works among its own."""
    name = f"\0hexalembic-{os.getpid()}"
    python = [sys.executable, "-c", REACH.replace("sys.argv[1]", repr(name))]
    scope = "from adapter.outbound.isolation import landlock, seccomp; seccomp.refuse(network=True)\n"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen()
        assert _run(python, user) == ["reached"]
        done = _run([sys.executable, "-c", f"{scope}print(landlock.leave_others())"], user)
        expected = {"True": "PermissionError", "False": "reached"}[done[0]]
        assert _run([*wall.launcher(network=False, keep=[]), *python], user) == [expected]
    own = f"import socket; l = socket.socket(socket.AF_UNIX); l.bind({name!r}); l.listen(); {REACH}"
    own = own.replace("sys.argv[1]", repr(name)).replace("; \nimport", "\nimport")
    assert _run([*wall.launcher(network=False, keep=[]), sys.executable, "-c", own], user) == ["reached"]


WRITE = """
import os, sys
try:
    os.close(os.open(f"/proc/{sys.argv[1]}/mem", os.O_RDWR))
    print("open")
except PermissionError:
    print("refused")
"""


@AS_EACH
def test_the_memory_of_the_tool_is_out_of_reach(user: Account) -> None:
    """What runs behind the wall cannot write into the memory of the process that is not, as root neither."""
    code = (
        "import subprocess, sys, os\n"
        "from adapter.outbound.isolation.processes import unreadable\n"
        "with unreadable():\n"
        "    print(subprocess.check_output([*sys.argv[2:], str(os.getpid())], text=True).strip())\n"
        f"print(subprocess.check_output([sys.executable, '-c', {WRITE!r}, str(os.getpid())], text=True).strip())"
    )
    command = [*wall.launcher(network=False, keep=[]), sys.executable, "-c", WRITE]
    assert _run([sys.executable, "-c", code, "--", *command], user) == ["refused", "open"]


@AS_EACH
def test_the_memory_of_others_is_out_of_reach(user: Account) -> None:
    """What runs behind the wall writes into no process outside, of its own user neither, and moves files as before."""
    code = (
        f"{WRITE}\nimport tempfile\nfrom pathlib import Path\nplace = Path(tempfile.mkdtemp())\n"
        "(place / 'a').mkdir()\n(place / 'b').write_text('moved')\n"
        "print((place / 'b').rename(place / 'a' / 'b').read_text())"
    )
    older = (  # as before Linux 6.12
        "import sys\nfrom adapter.outbound.isolation import landlock, seccomp\n"
        "seccomp.refuse(network=True)\nlandlock._leave_memory()\nexec(sys.argv.pop(1))"
    )
    with subprocess.Popen(["/bin/sleep", "60"], **user.starts()) as other:
        for start in ([*wall.launcher(network=False, keep=[]), sys.executable, "-c"], [sys.executable, "-c", older]):
            assert _run([*start, code, str(other.pid)], user) == ["refused", "moved"]
        other.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the kernel at all")
def test_root_changes_no_kernel() -> None:
    """Root makes no interface of its own to send packets by, and names no program that the kernel starts."""
    code = """
import fcntl, os, struct
def attempt(path, request=None):
    try:
        opened = os.open(path, os.O_RDWR)
        if request:
            fcntl.ioctl(opened, *request)
        print("open")
    except OSError as error:
        print(type(error).__name__ if error.errno != 30 else "read-only")
attempt("/proc/sys/kernel/core_pattern")
attempt("/dev/net/tun", (0x400454CA, struct.pack("16sH22x", b"hexalembic0", 0x1001)))
"""
    setting, interface = _run([*wall.launcher(network=False, keep=[]), sys.executable, "-c", code])
    assert setting == "read-only"
    assert interface in {"PermissionError", "FileNotFoundError"}  # not every system has such interfaces


def test_nothing_outlives_the_agent() -> None:
    """A process that a project has started in a session of its own is ended with the agent, orphaned or not."""
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(60)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "time.sleep(60)"
    )
    command = [*wall.launcher(network=False, keep=[]), sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        daemon = int(process.stdout.readline())
        assert daemon in descendants(process.pid)
        end_descendants(process.pid)
        assert descendants(process.pid) == [process.pid]
        process.kill()


@pytest.fixture(params=MAJORS)
def walled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[embedded.EmbeddedServer]:
    """A server behind the wall."""
    server = embedded.start(request.param, tmp_path, settings={"fsync": "off"}, walled=True)
    yield server
    embedded.stop(request.param, tmp_path, force=True)


def _connect(server: embedded.EmbeddedServer) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url("postgres"), autocommit=True)


def test_the_server_opens_no_connection(walled: embedded.EmbeddedServer) -> None:
    """Programs that the server starts have no network, and connect to no Unix socket, not even the server's own."""
    with _connect(walled) as session:
        session.execute("CREATE TEMPORARY TABLE said (line text)")
        for code in (
            "import socket; socket.socket()",
            REACH.replace("sys.argv[1]", repr(f"{walled.socket_directory}/.s.PGSQL.5432")),
        ):
            command = f'"{sys.executable}" -c "exec({code!r})" 2>&1; true'.replace("'", "''")
            session.execute(f"COPY said FROM PROGRAM '{command}' (FORMAT text, DELIMITER E'\\x01')".encode())
        said = [str(line) for (line,) in session.execute("SELECT line FROM said").fetchall()]
    assert any("Permission denied" in line for line in said)
    assert said[-1] == "PermissionError"


def test_dblink_reaches_nothing(walled: embedded.EmbeddedServer) -> None:
    """SQL cannot connect to a server, neither over TCP nor over a Unix socket."""
    with _connect(walled) as session:
        available = session.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'dblink'").fetchall()
        assert bool(available) == (walled.major == 18)  # the other wheel has no contrib extensions
        if available:
            session.execute("CREATE EXTENSION dblink")
            for address in ("host=127.0.0.1", f"host={walled.socket_directory}"):
                with pytest.raises(psycopg.OperationalError) as caught:
                    session.execute("SELECT dblink_connect(%s)", (f"{address} user=postgres dbname=postgres",))
                assert caught.value.sqlstate == "08001"  # unable to establish a connection


def test_programs_of_the_server_write_into_no_other_process(walled: embedded.EmbeddedServer) -> None:
    """A program that the server starts leaves the memory of others of its user alone: a server, a shell of theirs."""
    user = walled.data_directory.stat().st_uid
    given: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user != os.geteuid() else {}
    with subprocess.Popen(["/bin/sleep", "60"], **given) as other, _connect(walled) as session:
        session.execute("CREATE TEMPORARY TABLE said (line text)")
        opening = f"import os; os.open(''/proc/{other.pid}/mem'', os.O_RDWR)"
        command = f'"{sys.executable}" -c "{opening}" 2>&1; true'
        session.execute(f"COPY said FROM PROGRAM '{command}' (FORMAT text, DELIMITER E'\\x01')".encode())
        lines = [str(line) for (line,) in session.execute("SELECT line FROM said").fetchall()]
        assert lines, "it was opened"
        assert lines[-1].startswith("PermissionError")
        other.kill()


def test_parallel_index_builds_work(walled: embedded.EmbeddedServer) -> None:
    """The wall does not keep pgvector from building an index with parallel workers."""
    with _connect(walled) as session:
        session.execute("CREATE EXTENSION vector")
        session.execute("CREATE TABLE items (e vector(3))")
        session.execute(
            "INSERT INTO items SELECT ARRAY[g % 7, g % 11, g % 13]::vector FROM generate_series(1, 20000) g"
        )
        session.execute("SET min_parallel_table_scan_size = 1")
        session.execute("CREATE INDEX ix ON items USING hnsw (e vector_l2_ops)")
        assert session.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix'::regclass").fetchall() == [
            (True,)
        ]


def test_a_server_without_the_wall_is_stopped_first(tmp_path: Path) -> None:
    """A server that runs without the wall is not taken for one behind it; with a client on it, nothing is stopped."""
    server = embedded.start(18, tmp_path, settings={"fsync": "off"})
    embedded.release(server)
    with _connect(server) as session:
        with pytest.raises(DatabaseError, match="in use"):
            embedded.start(18, tmp_path, walled=True)
        assert session.execute("SELECT current_setting('hexalembic.wall', true)").fetchall() == [(None,)]
    embedded.start(18, tmp_path, settings={"fsync": "off"}, walled=True)
    with _connect(server) as session:
        assert session.execute("SHOW hexalembic.wall").fetchall() == [("kernel",)]
    embedded.stop(18, tmp_path, force=True)


def test_without_means_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no filter, a command ends before anything runs, and names the option to go on without."""
    monkeypatch.setattr(seccomp, "is_supported", lambda: False)
    request, target = ProjectRequest(), TargetRequest()
    with pytest.raises(DatabaseConfigurationError, match="no means") as caught:
        analyze_revisions(request, "head", target, lambda *_: None)
    assert "--no-isolation" in caught.value.hint


def test_a_filter_that_is_not_taken_starts_nothing() -> None:
    """Where the kernel does not take the filter, the program is not started, and the exit code says so."""
    broken = "import sys; from adapter.outbound.isolation import launch, seccomp; seccomp._table = lambda: None; "
    code = broken + "launch.main(['--', sys.executable, '-c', 'print(1)'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("the kernel filter cannot be set up")


def test_every_architecture_has_numbers_of_its_own() -> None:
    """A filter refuses calls of another architecture's numbers: its first test is that of the architecture."""
    assert ctypes.sizeof(ctypes.c_void_p) == 8
    for table in seccomp._TABLES.values():  # noqa: SLF001 - the numbers are what there is to see
        assert len({table.socket, table.connect, *table.others}) == 15
    assert len({table.audit for table in seccomp._TABLES.values()}) == len(seccomp._TABLES)  # noqa: SLF001


_HEADERS = Path("/usr/include")
# In the order of seccomp's tables; those behind the first three are the ways around the wall.
_CALLS = [
    "seccomp",
    "socket",
    "connect",
    "io_uring_setup",
    "mount",
    "umount2",
    "pivot_root",
    "setns",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsmount",
    "mount_setattr",
    "ptrace",
    "pidfd_getfd",
    "open_tree_attr",
]


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "*/asm/unistd_64.h"),
        ("aarch64", "asm-generic/unistd.h"),  # the table of every newer architecture
        ("riscv64", "asm-generic/unistd.h"),
    ],
)
def test_numbers_are_those_of_the_kernel(machine: str, header: str) -> None:
    """The numbers of each architecture are those of the kernel's headers, as far as they know them."""
    files = sorted(_HEADERS.glob(header))
    if not files:
        pytest.skip(f"the kernel's headers are not installed: no {header} below {_HEADERS}")
    defined = dict(re.findall(r"^#define\s+__NR(?:3264)?_(\w+)\s+(\d+)$", files[0].read_text(), re.MULTILINE))
    table = seccomp._TABLES[machine]  # noqa: SLF001 - the numbers are what there is to see
    numbers = dict(zip(_CALLS, (table.seccomp, table.socket, table.connect, *table.others), strict=True))

    known = {call: number for call, number in numbers.items() if call in defined}
    assert known == {call: int(defined[call]) for call in known}
    assert {"socket", "connect", "seccomp", "io_uring_setup"} <= known.keys()
