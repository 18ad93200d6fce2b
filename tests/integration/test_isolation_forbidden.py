"""Where a container forbids some means of the wall, others hold or a warning says so, and nothing hangs."""

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.isolation import forbidding
from tests.integration.isolation.user import Account, User, accounts, folder_for_everybody
from tests.support import process_environment

pytestmark = [
    pytest.mark.one_major,
    pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="no numbers of calls are known"),
]

_SECONDS = 300
_WARNING = "can reach the Unix sockets of other Postgres servers"
# What is forbidden, and what may then be reached: the sockets with a file, those without one; a warning says so.
CASES: dict[str, tuple[str, ...]] = {
    "pidfd_getfd": (),
    "pidfd_open": (),
    "netlink": (),
    "seccomp": (),
    "receive": (),
    "unshare": (),
    "landlock": (),
    "pidfd_getfd landlock": ("abstract",),
    "pidfd_getfd unshare": ("file",),
    "seccomp unshare": ("file",),
    "pidfd_getfd unshare landlock": ("file", "abstract"),
}
_REACH = """import socket
    for kind, address in (("file", {file!r}), ("abstract", {abstract!r})):
        with socket.socket(socket.AF_UNIX) as attempt:
            try:
                attempt.connect(address)
                print("reached", kind, file=open("reached", "a"))
            except OSError:
                pass
    op.execute("SELECT 1")"""


@pytest.fixture
def sandbox() -> Iterator[Path]:
    """Return a folder for a server that starts under what is forbidden."""
    with folder_for_everybody("hxs") as folder:
        yield folder


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a folder that everybody may enter."""
    with folder_for_everybody("hxp") as folder:
        yield folder


def _analyze(user: User, code: str, forbidden: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "-c", "alembic.ini", "reach", *options]
    return subprocess.run(
        [sys.executable, forbidding.__file__, code, *forbidden, "--", *command],
        cwd=user.project,
        env=process_environment(**user.environment()),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        **user.account.starts(),
    )


def _listen(address: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    if address.startswith("/"):
        Path(address).chmod(0o777)
    listening.listen()
    return listening


@pytest.mark.some(8)
@pytest.mark.few(1)
@pytest.mark.parametrize("account", accounts(), ids=lambda account: account.name)
@pytest.mark.parametrize("code", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("forbidden", CASES)
def test_what_is_forbidden(sandbox: Path, place: Path, forbidden: str, code: str, account: Account) -> None:
    """Other servers stay out of reach by the means that are left, or the warning is there; revisions are judged."""
    file, abstract = str(place / ".s.PGSQL.5432"), f"\0hexalembic-{os.getpid()}/.s.PGSQL.5432"
    with folder_for_everybody("hxa") as folder, _listen(file), _listen(abstract):
        user = User(account, folder, sandbox)
        user.own(sandbox)
        user.write_statements({"reach": _REACH.format(file=file, abstract=abstract)}, str)
        done = _analyze(user, code, forbidden.split())
        report = user.project / "reached"
        reached = report.read_text().split()[1::2] if report.exists() else []

    assert "Traceback" not in done.stdout + done.stderr
    if forbidden == "receive":  # nothing answers the kernel: nothing is reached, the sandbox neither
        assert (done.returncode, reached) == (2, []), done.stdout + done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    if account.uid == 0:  # another user may get no namespaces from this system, whatever is forbidden
        assert set(reached) <= set(CASES[forbidden])
        assert (_WARNING in done.stderr) == bool(CASES[forbidden])
    assert not reached or _WARNING in done.stderr


@pytest.mark.parametrize("code", ["EPERM", "ENOSYS"])
def test_without_filters_nothing_starts(sandbox: Path, code: str) -> None:
    """Where no filter can be set up, nothing of the project runs, but with the option that is named."""
    with folder_for_everybody("hxa") as folder:
        user = User(accounts()[0], folder, sandbox)
        user.write_statements({"reach": "open('ran', 'w')"}, str)
        done = _analyze(user, code, ["seccomp", "prctl"])
        ran = (user.project / "ran").exists()
        without = _analyze(user, code, ["seccomp", "prctl"], "--no-isolation")
        ran_without = (user.project / "ran").exists()

    assert (done.returncode, ran) == (2, False), done.stdout
    assert "--no-isolation" in done.stderr
    assert "Traceback" not in done.stderr
    assert (without.returncode, ran_without) == (0, True), without.stderr
    assert without.stderr.startswith("warning: --no-isolation: nothing keeps a revision or env.py from")
