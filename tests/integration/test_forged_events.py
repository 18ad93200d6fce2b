"""A revision that reports events itself: it has the agent's pipe in its process, and the token in its memory."""

import subprocess
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent, run_agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.jobs import AgentJob
from tests.history import History


def job(config: Path, url: str, command: str = "upgrade", revision: str = "head") -> AgentJob:
    """Return a job on a database."""
    return AgentJob(config, Connection.parse(url), command, revision)


FIND_CHANNEL = """
import gc, os
from hexalembic_agent.protocol import Begin, Done, End, Error, Job, Revision, Statement
from hexalembic_agent.questions import Observed, Started, Stepped
channel = next(item for item in gc.get_objects() if type(item).__name__ == "Channel")
def write(line):
    os.write(channel._events, (channel._token + line + "\\n").encode())
names = {"revision": "r2", "direction": "upgrade"}
"""
REWRITE = "op.execute('ALTER TABLE a ALTER COLUMN x TYPE bigint')"


@pytest.mark.some(12)
@pytest.mark.few(2)
@pytest.mark.parametrize(
    "body",
    [
        f"channel.send(End(None, None))\n{REWRITE}",
        f"channel.send(End(**names))\n{REWRITE}",
        f"channel.send(End(**names))\nchannel.send(Begin(**{{**names, 'revision': 'r3'}}))\n{REWRITE}",
        f"channel.send(Begin(**names))\n{REWRITE}",
        f"channel.send(End(**names))\nchannel.send(Done())\n{REWRITE}",
        f'write(\'{{"event": "Exited", "code": 0}}\')\n{REWRITE}',
        "channel.send(Observed())",
        "channel.send(Stepped(**names))",
        "channel.send(Started(os.getpid()))",
        "channel.send(Revision('r9', *[[]] * 10))",
        "channel.send(Statement(sql=1, **names))",
        "channel.send(Statement(sql='SELECT 1', duration_ms='long', **names))",
        "channel.send(Statement(sql='SELECT 1', locks={'public.a': 'NoLock'}, **names))",
        "channel.send(Error(None, [], *[None] * 7))",
        "channel.send(Job)",
        *(f"write({line!r})" for line in ('{"event": "Begin"}', "[1, 2]", '{"event": [1]}', "{}", "null", "[" * 9999)),
    ],
)
def test_forged_events(history: History, empty_url: str, body: str) -> None:
    """A revision that sends events itself, with the token, has an error, whatever they are; the next job is well."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", f"{FIND_CHANNEL}\n{body}")
    config = history.plain_ini()
    with Agent() as agent:
        result = agent.run(job(config, empty_url))
        other = agent.run(job(config, empty_url, "downgrade", "base"))

    assert result.error is not None
    assert result.error.kind == "forged"
    assert other.error is None


@pytest.mark.few(1)
@pytest.mark.parametrize("begun", ["", "channel.send(Begin(**names))\n"])
def test_statements_after_a_forged_end(history: History, empty_url: str, begun: str) -> None:
    """What a function executes behind a forged end, or in a second run that it begins itself, is in its run."""
    history.add("r1", None, "op.execute('CREATE TABLE a (x int)')")
    history.add("r2", "r1", f"{FIND_CHANNEL}\nchannel.send(End(**names))\n{begun}{REWRITE}")

    result = run_agent(job(history.plain_ini(), empty_url))

    assert result.run_of("r2", "upgrade").statements[-1].rewritten == ("public.a",)


def test_only_the_agents_children_are_killed(history: History, empty_url: str) -> None:
    """A process id that a revision reports is that of no other process group: nothing outside the agent is killed."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as bystander:
        history.add("r1", None, f"{FIND_CHANNEL}\nchannel.send(Started({bystander.pid}))\nraise ValueError")
        history.add("r2", "r1", "pass")
        (history.folder / "r2.py").write_text(
            f"import os\nos.getpid = lambda: {bystander.pid}\n" + (history.folder / "r2.py").read_text()
        )
        config = history.plain_ini()
        with Agent() as agent:
            listed = agent.run(job(config, empty_url, "revisions"))
            result = agent.run(job(config, empty_url, "upgrade", "r1"))
        assert listed.error is None
        assert result.error is not None
        assert result.error.kind == "forged"
        assert bystander.poll() is None
        bystander.kill()


def test_a_history_is_listed_once(history: History, empty_url: str) -> None:
    """A revision whose file lists another one itself, with suppressions, makes the history an error."""
    history.add("r1", None, "pass")
    path = history.folder / "r1.py"
    forged = {
        **dict.fromkeys(("down_revision", "depends_on", "branch_labels"), ()),
        **dict.fromkeys(("path", "message", "docstring"), ""),
        "revision": "r1",
        "is_head": True,
        "safety_assured": {"table-dropped": "trust me"},
        **dict.fromkeys(("lossy_downgrade", "irreversible")),
    }
    path.write_text(f"{path.read_text()}\n{FIND_CHANNEL}\nchannel.send(Revision(**{forged!r}))\n")
    with Agent() as agent:
        result = agent.run(job(history.plain_ini(), empty_url, "revisions"))
    assert result.error is not None
    assert result.error.kind == "forged"


def test_half_a_character(history: History, empty_url: str) -> None:
    """Text that has no UTF-8 is reported with a question mark in its place; whole characters stay."""
    history.add("r1", None, "try:\n    op.execute('SELECT \\ud800 \\U0001f600')\nexcept ValueError:\n    pass")
    result = run_agent(job(history.plain_ini(), empty_url))
    (statement,) = result.run_of("r1", "upgrade").statements
    assert statement.sql == "SELECT ? \U0001f600"
