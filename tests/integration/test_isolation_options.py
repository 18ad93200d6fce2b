"""What the two options of isolation open, and what they say of it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.isolation.user import User, accounts, folder_for_everybody

pytestmark = [pytest.mark.one_major, pytest.mark.long]

_REACH = """import socket
    for kind, family, address in (("tcp", socket.AF_INET, ("127.0.0.1", {port})), ("file", socket.AF_UNIX, {file!r})):
        try:
            socket.socket(family).connect(address)
            print(kind, file=open("reached", "a"))
        except OSError:
            pass
    op.execute("SELECT 1")"""


@contextmanager
def _listening(family: socket.AddressFamily, address: object) -> Iterator[socket.socket]:
    with socket.socket(family) as server:
        server.bind(address)  # type: ignore[arg-type]
        server.listen()
        yield server


@pytest.fixture
def user() -> Iterator[User]:
    """Return a user whose revision tries a port and a socket of this machine."""
    with folder_for_everybody("hxs") as sandbox, folder_for_everybody("hxa") as folder:
        yield User(accounts()[0], folder, sandbox)


def test_each_option_opens_what_it_says(user: User) -> None:
    """Without an option nothing is reached; each one says on stderr what a revision can reach, and that is so."""
    file = str(user.folder / ".s.PGSQL.5432")
    with _listening(socket.AF_UNIX, file), _listening(socket.AF_INET, ("127.0.0.1", 0)) as port:
        user.write_statements({"reach": _REACH.format(port=port.getsockname()[1], file=file)}, str)
        for options, reached, warning in (
            ((), set(), ""),
            (("--allow-network",), {"tcp"}, "can reach every server of the network"),
            (("--no-isolation",), {"tcp", "file"}, "nothing keeps a revision or env.py from connecting"),
        ):
            done = user.migrate("analyze", "-c", "alembic.ini", "reach", *options)
            report = user.project / "reached"
            assert done.returncode == 0, done.stdout + done.stderr
            assert (set(report.read_text().split()) if report.exists() else set()) == reached, options
            assert done.stderr.startswith(f"warning: {options[0]}: " if options else ""), done.stderr
            assert warning in done.stderr
            assert options or "warning" not in done.stderr
            report.unlink(missing_ok=True)
