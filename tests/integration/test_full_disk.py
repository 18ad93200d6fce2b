"""A disk without room is named, with its folder and what is free there, and no revision is blamed for it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from adapter.inbound.cli.errors import describe_error
from adapter.outbound.migration.sandbox import memory
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.trial.certificate_file import CertificateFile
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import describe_os_error
from domain.migration.verification.round_trip import CertificateError
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

Small = Callable[[str], Path]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """Mount file systems in memory, of a size such as `64m`."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    with ExitStack() as mounted:

        def mount(size: str) -> Path:
            folder = tmp_path / f"small-{size}"
            folder.mkdir()
            options = f"size={size},mode=755"
            subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
            mounted.callback(subprocess.run, ["/bin/umount", "--lazy", str(folder)], check=True)
            return folder

        yield mount


@pytest.mark.few(1)
@pytest.mark.parametrize("command", ["analyze", "verify"])
def test_the_sandbox_in_memory(
    server: Server, small: Small, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A revision that fills the memory of the sandbox ends the command with the folder, and has no verdict."""
    history.add("r1", None, 'op.execute("CREATE TABLE people (id int, note text)")', 'op.drop_table("people")')
    filling = "INSERT INTO people SELECT g, repeat('x', 1000) FROM generate_series(1, 200000) g"
    history.add("r2", "r1", f'op.execute("{filling}")', 'op.execute("TRUNCATE people")')
    folder = small("100m")
    monkeypatch.setattr(memory, "ROOM", 0)
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_MEMORY", str(folder))
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_DIR", str(tmp_path / "sandbox"))
    request = ProjectRequest(config=history.plain_ini(), major=server.major, rows=5, jobs=1)
    asked = VerificationRequest("base:heads", "round-trip", tmp_path / "certificates.json")

    def run() -> object:
        if command == "verify":
            return verify_revisions(request, asked, lambda *_: None)
        return analyze_revisions(request, "r2", TargetRequest(), lambda *_: None)

    with pytest.raises(DatabaseError) as caught:
        run()

    assert caught.value.message.startswith("The disk of the sandbox's server is full: ")
    assert f" bytes are free on {folder}, for the folder {folder}/hexalembic-memory-" in caught.value.message
    assert "could not extend file" in caught.value.message
    assert "HEXALEMBIC_SANDBOX_MEMORY=" in caught.value.hint


def test_the_first_start(server: Server, small: Small) -> None:
    """A disk without room for a data directory is named with what is free on it, and nothing half-made stays."""
    folder = small("20m")
    with pytest.raises(DatabaseError) as caught:
        embedded.start(server.major, folder / "sandbox")

    assert re.search(
        rf"The disk of the embedded server is full: [\d,]+ bytes are free on {folder}, for the folder "
        rf"{folder}/sandbox \(initdb could not write all of its files, some 40 MB\)",
        caught.value.message,
    )
    assert "free space there, or choose another folder" in caught.value.hint
    assert list((folder / "sandbox").glob("*.new-*")) == []


def _first_start(major: int, root: Path, whose: str) -> str:
    """Start a server that has a database of its own; return the error's message, or nothing."""
    try:
        if whose == "sandbox":
            with EmbeddedSandbox(major, root) as sandbox:
                sandbox.create()
        else:
            embedded.start(major, root)
    except DatabaseError as error:
        return error.message
    finally:
        embedded.stop(major, root, force=True)
    return ""


@pytest.mark.some(6)
@pytest.mark.few(2)
@pytest.mark.parametrize("megabytes", [1, 12, 20, 30, 34, 36, 38, 39, 40, 41, 42, 43, 44, 46, 50, 54, 60, 66])
@pytest.mark.parametrize("whose", ["development", "sandbox"])
def test_any_room(server: Server, small: Small, monkeypatch: pytest.MonkeyPatch, megabytes: int, whose: str) -> None:
    """Whatever room there is, a server starts and has a database, or the disk is named that has too little."""
    folder = small(f"{megabytes}m")
    monkeypatch.setenv("HEXALEMBIC_SANDBOX_MEMORY", "")
    message = _first_start(server.major, folder / "sandbox", whose)

    named = rf"The disk of the (embedded|sandbox's) server is full: [\d,]+ bytes are free on {folder}, for"
    assert not message or re.search(named, message)


def test_a_file_of_our_own(small: Small) -> None:
    """Certificates that find no room name their file system, and leave no half of a file."""
    folder = small("4k")
    (folder / "ballast").write_bytes(b"x" * 4096)
    with pytest.raises(OSError, match="No space left") as caught:
        CertificateFile(folder / "certificates.json").write([])
    described = describe_os_error(caught.value)

    assert described is not None
    assert described.message == (
        f"The disk of this command is full: 0 bytes are free on {folder}, for the folder {folder} "
        "(No space left on device)."
    )
    assert [path.name for path in folder.iterdir()] == ["ballast"]
    assert describe_error(caught.value) == (3, described.message, described.hint)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a folder where not even root may write")
def test_a_file_that_may_not_be_written() -> None:
    """Where certificates may not be written, as in a read-only checkout, the option for another file is named."""
    with pytest.raises(CertificateError, match=r"^/sys/certificates.json cannot be written") as caught:
        CertificateFile(Path("/sys/certificates.json")).write([])

    assert "--certificates FILE" in caught.value.hint
