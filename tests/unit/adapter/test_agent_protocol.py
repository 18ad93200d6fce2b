"""The protocol between the agent and its parent."""

import ast
import json
import sys
from pathlib import Path

import pytest

import adapter.outbound.migration.project as room
from adapter.outbound.migration.project.agent import protocol
from adapter.outbound.migration.project.agent.lines import ProtocolError, decode, decode_job, encode, encode_job
from adapter.outbound.migration.project.agent.protocol import (
    Command,
    Done,
    Error,
    Event,
    Revision,
    Statement,
    VersionTable,
)
from adapter.outbound.migration.project.agent.questions import Started, Stepped
from adapter.outbound.migration.project.event_shapes import has_shape
from tests.jobs import agent_job

PROJECT = Path(room.__file__).parent
AGENT = PROJECT / "agent"
TOKEN = "5e" * 16
OF_BOTH_SIDES = {"protocol.py", "questions.py"}
STATEMENT = Statement("r1", "upgrade", "SELECT 1")
JOB = agent_job()


def command_names() -> set[str]:
    """Return the names of all commands."""
    return {value for name, value in vars(Command).items() if not name.startswith("_")}


def strings(path: Path) -> set[str]:
    """Return all string literals of a module, its docstrings included."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("path", sorted(PROJECT.rglob("*.py")), ids=lambda path: str(path.relative_to(PROJECT)))
def test_names_stand_in_the_protocol_only(path: Path) -> None:
    """No module of either side has the name of a command or of an event as text; two settings are called like some."""
    of_settings = {"setup", "env"} if path.name == "settings.py" else set()
    names = (command_names() | protocol.EVENTS.keys()) - of_settings
    assert path.name in OF_BOTH_SIDES or not strings(path) & names


@pytest.mark.parametrize("path", sorted(AGENT.glob("*.py")), ids=lambda path: path.name)
def test_the_agent_is_valid_on_python_3_9(path: Path) -> None:
    """Each module of the agent can be read by the oldest Python that a project may have."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_the_protocol_needs_the_standard_library_only() -> None:
    """The protocol imports nothing that a project's Python may lack."""
    texts = [(AGENT / name).read_text(encoding="utf-8") for name in OF_BOTH_SIDES]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)} - {"questions"}
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "event",
    [
        Started(7),
        Done(),
        Error("no", "exit", "SystemExit", None, None, None, "", None, raised=True),
        Revision("r1", [], ["r0"], "r1.py", "first", "", ["main"], True, {"a": 1}, [1, "2"], None),
        STATEMENT,
        Stepped("r1", "downgrade"),
        VersionTable(["public.v"], "", "env.py", 7),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_are_read_as_they_were_written(event: Event) -> None:
    """What one side writes is what the other side reads, and has the types that the protocol says."""
    line = encode(event, TOKEN)
    read = decode(line.removesuffix(b"\n"), TOKEN)
    assert encode(read, TOKEN) == line
    assert has_shape(read)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[1]",
        "{}",
        '{"event": [1]}',
        '{"event": "Stepped", "revision": "r1"}',
        '{"event": "Done", "error": null}',
        '{"event": "None"}',
    ],
)
def test_lines_that_are_no_events(content: str) -> None:
    """A line without the token, and one whose fields are not exactly those of an event, is an error."""
    with pytest.raises(ValueError):  # noqa: PT011 - of JSON, or of the protocol
        decode(f"{TOKEN}{content}".encode(), TOKEN)
    with pytest.raises(ProtocolError):
        decode(b'{"event": "Done"}', TOKEN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("revision", None),
        ("direction", "sideways"),
        ("direction", []),
        ("line", "7"),
        ("line", True),
        ("line", 1 << 63),
        ("duration_ms", float("nan")),
        ("duration_ms", None),
        ("count", 1.5),
        ("locks", [["public.a", "ShareLock"]]),
        ("locks", {"public.a": None}),
        ("rows", {"public.a": [1, 2]}),
        ("created", [["table", "public.a", ""]]),
        ("rewritten", "public.a"),
        ("cannot_run_in_transaction", 0),
    ],
)
def test_fields_of_another_type(field: str, value: object) -> None:
    """An event with a field of another type has not the shape of one."""
    content = json.dumps({"event": "Statement", **vars(STATEMENT), field: value})
    assert not has_shape(decode(f"{TOKEN}{content}".encode(), TOKEN))


def test_jobs_are_read_as_they_were_written() -> None:
    """The agent reads the job that its parent wrote."""
    assert decode_job(encode_job(JOB).decode()) == JOB


def test_another_version_is_refused() -> None:
    """An agent that reads a job of another version of the protocol says that hexalembic was replaced meanwhile."""
    with pytest.raises(ProtocolError, match="another version"):
        decode_job(json.dumps({**vars(JOB), "version": protocol.VERSION + 1}))
