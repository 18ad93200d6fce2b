"""A revision that writes into the agent's pipe without the token."""

from dataclasses import replace

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.jobs import AgentJob
from tests.history import History

pytestmark = pytest.mark.one_major

FIND_PIPES = """
import os
def is_pipe(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}").startswith("pipe:")
    except OSError:
        return False
pipes = [int(number) for number in os.listdir("/proc/self/fd") if int(number) > 2 and is_pipe(number)]
"""


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("garbage", "os.write(pipe, b'garbage\\n')"),
        ("half a line", "os.write(pipe, b'{\"event\": ')"),
        ("a forged end", 'os.write(pipe, b\'{"event": "End"}\\n{"event": "Done"}\\n\')'),
        ("a forged exit", 'os.write(pipe, b\'{"event": "Exited", "code": 0}\\n\')'),
        ("no object", "os.write(pipe, b'[1, 2]\\nnull\\n\"\"\\n\\n')"),
        ("no text", "os.write(pipe, bytes(range(128, 256)) + b'\\n')"),
        ("a flood", "[os.write(pipe, b'x' * 65536) for _ in range(50)]"),
        ("closed", "os.close(pipe)"),
    ],
)
def test_forged_reports(history: History, empty_url: str, name: str, body: str) -> None:
    """A revision that writes into the pipe of the reports, or closes it, has an error; the next job is well."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    written = f"\nfor pipe in pipes:\n    try:\n        {body}\n    except OSError:\n        pass\n"
    history.add("r2", "r1", f"{FIND_PIPES}{written}op.execute('CREATE TABLE b (x int)')")
    job = AgentJob(history.plain_ini(), Connection.parse(empty_url), "upgrade", "r2")
    with Agent() as agent:
        result = agent.run(job)
        other = agent.run(replace(job, command="downgrade", revision="base"))

    assert result.error is not None, name
    assert result.error.kind == ("died" if name == "closed" else "forged")
    assert other.error is None
