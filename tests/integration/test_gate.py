"""Connections of a process behind the wall are decided outside of it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.outbound.isolation import gate, wall
from tests.integration.isolation.user import Account, accounts

pytestmark = pytest.mark.skipif(not gate.is_available(), reason="this system does not let the kernel ask")

_SELF = accounts()[0]
_AS_EACH = pytest.mark.parametrize("user", accounts(), ids=lambda user: user.name)
_REACH = """
import socket, sys
def reach(address, kind=socket.SOCK_STREAM, timeout=None):
    with socket.socket(socket.AF_UNIX, kind) as one:
        one.settimeout(timeout)
        try:
            one.connect(address)
            return "reached"
        except OSError as error:
            return type(error).__name__
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="hxg") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def _listen(path: Path | str, kind: int = socket.SOCK_STREAM) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, kind)
    listening.bind(str(path))
    if not str(path).startswith("\0"):
        Path(path).chmod(0o777)
    if kind == socket.SOCK_STREAM:
        listening.listen()
    return listening


def _behind(folder: Path, code: str, user: Account = _SELF, *, network: bool = False) -> list[str]:
    """Run Python behind the wall, from which the sockets that are in one folder may be reached: what it prints."""
    keeper = gate.Gate()
    for path in folder.iterdir():
        if path.is_socket() and not path.is_symlink():
            keeper.let_through(str(path), os.getpid())
    command = wall.launcher(network=network, keep=[str(folder)], tell=keeper.theirs.fileno(), ask=True)
    with subprocess.Popen(
        [*command, sys.executable, "-c", _REACH + code],
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[keeper.theirs.fileno()],
        cwd=folder,
        **user.starts(),
    ) as process:
        keeper.open(process.pid)
        output, _ = process.communicate(timeout=60)
    assert keeper.holds(10)
    assert keeper.stands
    keeper.close()
    assert process.returncode == 0
    return list(output.splitlines())


@_AS_EACH
def test_only_what_is_kept_is_reached(folder: Path, user: Account) -> None:
    """A socket in the folder is reached, by any of its names; one elsewhere is not, whoever it belongs to."""
    (folder / "kept").mkdir(mode=0o777)
    (folder / "elsewhere").mkdir(mode=0o777)
    (folder / "kept").chmod(0o777)
    with _listen(folder / "kept" / ".s.PGSQL.5432"), _listen(folder / "elsewhere" / ".s.PGSQL.5432"):
        output = _behind(
            folder / "kept",
            f"""
print(reach("{folder}/kept/.s.PGSQL.5432"), reach(".s.PGSQL.5432"), reach("{folder}/elsewhere/../kept/.s.PGSQL.5432"))
print(reach("{folder}/kept/.s.PGSQL.5432", timeout=5))
print(reach("{folder}/elsewhere/.s.PGSQL.5432"), reach("../elsewhere/.s.PGSQL.5432"))
import os
os.chdir("{folder}/elsewhere")
print(reach(".s.PGSQL.5432"), reach("/proc/self/cwd/.s.PGSQL.5432"), reach("nothing"))
os.execl(sys.executable, sys.executable, "-c", {_REACH!r} + "print(reach('{folder}/elsewhere/.s.PGSQL.5432'))")
""",
            user,
        )
    assert output == [
        "reached reached reached",
        "reached",
        "ConnectionRefusedError ConnectionRefusedError",
        "ConnectionRefusedError FileNotFoundError FileNotFoundError",
        "ConnectionRefusedError",
    ]


def test_what_is_put_into_the_folder_leads_nowhere(folder: Path) -> None:
    """Another server's socket is not reached by way of the folder that is kept: linked there, or in another's place."""
    (folder / "kept").mkdir()
    with _listen(folder / "other"), _listen(folder / "kept" / "genuine"), _listen(folder / "kept" / "replaced"):
        (folder / "kept" / "link").symlink_to(folder / "other")
        (folder / "kept" / "to_genuine").symlink_to("genuine")
        code = """
import os
os.link("../other", "hard")
os.rename("../other", "replaced")
print(reach("link"), reach("hard"), reach("replaced"), reach("to_genuine"), reach("genuine"))
"""
        output = _behind(folder / "kept", code)

    assert output == ["FileNotFoundError ConnectionRefusedError ConnectionRefusedError reached reached"]


def test_a_socket_of_its_own_lends_its_name_to_no_other(folder: Path) -> None:
    """What the process listens on is known by its file: a server with a socket of the same name is not reached."""
    for name in ("kept", "own", "other"):
        (folder / name).mkdir()
    abstract = f"hexalembic-other-{os.getpid()}"
    with _listen(folder / "other" / "socket"), _listen("\0" + abstract):
        output = _behind(
            folder / "kept",
            f"""
import os
def listen(path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    return listening
os.chdir("{folder}/own")
own = [listen("socket"), listen("@{abstract}"), listen("linked")]
print(reach("{folder}/own/socket"), reach("@{abstract}"), reach("\\0{abstract}"))
os.unlink("linked")
os.link("{folder}/other/socket", "linked")
print(reach("linked"))
os.chdir("{folder}/other")
print(reach("socket"), reach("{folder}/own/../other/socket"))
""",
        )
    assert output[0].startswith("reached reached ")
    assert output[0].split()[2] in {"ConnectionRefusedError", "PermissionError"}
    assert output[1:] == ["ConnectionRefusedError", "ConnectionRefusedError ConnectionRefusedError"]


def test_a_socket_that_is_exchanged_meanwhile_leads_nowhere(folder: Path) -> None:
    """A thread that exchanges the descriptor, the address or a folder of the path between two looks gains nothing."""
    for name in ("kept", "own", "other"):
        (folder / name).mkdir()
    (folder / "kept" / "way").symlink_to("../own")
    with _listen(folder / "other" / "socket") as other:
        output = _behind(
            folder / "kept",
            f"""
import ctypes, os, struct, threading, time
connect = ctypes.CDLL(None, use_errno=True).connect
listening = socket.socket(socket.AF_UNIX)
listening.bind("{folder}/own/socket")
listening.listen(1000)
kernel, place = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW), os.dup(0)
socks = []
def new():
    socks.append(socket.socket(socket.AF_UNIX))
    return socks[-1].fileno()
paths = [f"{folder}/{{name}}/socket".ljust(100, chr(0)).encode() for name in ("own", "other")]
address = ctypes.create_string_buffer(struct.pack("=H", 1) + paths[0])
running = True
def exchange():
    while running:
        os.dup2(kernel.fileno(), place)
        os.dup2(new(), place)
        address[2:102] = paths[1]
        os.replace("to_other", "way") if os.path.lexists("to_other") else os.symlink("../other", "to_other")
        address[2:102] = paths[0]
        os.replace("to_own", "way") if os.path.lexists("to_own") else os.symlink("../own", "to_own")
        del socks[:-20]
thread = threading.Thread(target=exchange)
thread.start()
end = time.monotonic() + 2
while time.monotonic() < end:
    connect(place, address, 103)
    reach("way/socket")
running = False
thread.join()
print("tried")
""",
        )
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()

    assert output == ["tried"]


def test_a_server_that_starts_later_is_not_reached(folder: Path) -> None:
    """It does not matter when another server starts to listen."""
    (folder / "kept").mkdir()
    waits = f"""
import time, os
while not os.path.exists("{folder}/later"):
    time.sleep(0.01)
print(reach("{folder}/later"))
"""
    starts = (
        f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('{folder}/later'); s.listen(); time.sleep(9)"
    )
    with subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(0.5); {starts}"]) as other:
        output = _behind(folder / "kept", waits)
        other.terminate()

    assert output == ["ConnectionRefusedError"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="only root makes a network namespace")
def test_a_server_of_a_container_is_not_reached(folder: Path) -> None:
    """A server in another network namespace is in no list of this one, and is not reached through a shared folder."""
    (folder / "kept").mkdir()
    starts = (
        f"import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('{folder}/shared'); s.listen(); time.sleep(9)"
    )
    with subprocess.Popen([str(shutil.which("unshare")), "--net", sys.executable, "-c", starts]) as other:
        while not (folder / "shared").exists():
            pass
        assert str(folder) not in Path("/proc/net/unix").read_text()
        output = _behind(folder / "kept", f'print(reach("{folder}/shared"))')
        other.terminate()

    assert output == ["ConnectionRefusedError"]


@_AS_EACH
def test_its_own_sockets_are_reached(folder: Path, user: Account) -> None:
    """What the process and its children listen on is theirs: with a file, without one, from a thread and a child."""
    (folder / "kept").mkdir()
    (folder / "kept").chmod(0o777)
    name = f"\0hexalembic-{os.getpid()}-{user.name}"
    output = _behind(
        folder / "kept",
        f"""
import os, threading
for address in ("{folder}/own", "relative", {name!r}):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        connecting = threading.Thread(target=lambda: print(reach(address), flush=True))
        connecting.start()
        listening.accept()
        connecting.join()
        if os.fork() == 0:
            print(reach(address), flush=True)
            os._exit(0)
        os.wait()
one, other = socket.socketpair()
one.send(b"a pair")
print(other.recv(9).decode())
""",
        user,
    )
    assert output == ["reached"] * 6 + ["a pair"]


def test_other_abstract_sockets_are_not_reached(folder: Path) -> None:
    """A socket without a file, of a process outside, is refused, whatever the kernel's age."""
    name = f"\0hexalembic-other-{os.getpid()}"
    with _listen(name):
        assert _behind(folder, f"print(reach({name!r}))") in (["ConnectionRefusedError"], ["PermissionError"])


def test_the_log_of_the_system_is_reached(folder: Path) -> None:
    """Datagrams, which no Postgres takes, go where they are sent: env.py may write into the system's log."""
    (folder / "kept").mkdir()
    with _listen(folder / "log", socket.SOCK_DGRAM):
        assert _behind(folder / "kept", f'print(reach("{folder}/log", socket.SOCK_DGRAM))') == ["reached"]


def test_the_network_goes_on_where_it_is_left_open(folder: Path) -> None:
    """With --allow-network a connection by TCP is the kernel's to make; other servers' sockets stay out of reach."""
    (folder / "kept").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server, _listen(folder / "other"):
        port = server.getsockname()[1]
        code = f'socket.create_connection(("127.0.0.1", {port})).close(); print("by TCP", reach("{folder}/other"))'
        assert _behind(folder / "kept", code, network=True) == ["by TCP ConnectionRefusedError"]


def test_closed_it_lets_nothing_through(folder: Path) -> None:
    """A process that outlives the command connects to nothing any more."""
    keeper = gate.Gate()
    command = wall.launcher(network=False, keep=[str(folder)], tell=keeper.theirs.fileno(), ask=True)
    code = f'{_REACH}\ninput()\nprint(reach("{folder}/genuine"))'
    with (
        _listen(folder / "genuine"),
        subprocess.Popen(
            [*command, sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[keeper.theirs.fileno()],
        ) as process,
    ):
        keeper.open(process.pid)
        assert keeper.holds(10)
        keeper.close()
        output, _ = process.communicate("go\n", timeout=60)

    assert output.strip() == "OSError"
