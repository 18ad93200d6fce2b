"""The command `migrate deploy`: its plan file, its events, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.history import History
from tests.integration.deploy.shops import (
    columns,
)
from tests.support import PROJECT_ROOT, process_environment


@pytest.mark.long
@pytest.mark.one_major
def test_the_command_with_a_reviewed_plan(shop: History, empty_url: str, tmp_path: Path) -> None:
    """A plan is deployed from its file; a changed one is refused with exit 2; events are JSON, one a line."""
    config = str(shop.ini())
    plan = tmp_path / "plan.json"
    written = _migrate("plan", "-c", config, "--url", empty_url, "--format", "json")
    assert written.returncode == 0, written.stderr
    content = json.loads(written.stdout)
    plan.write_text(json.dumps(content | {"current": ["r0"]}))
    options = ("-c", config, "--url", empty_url, "--yes", "--format", "json", "--plan", str(plan))
    tampered = _migrate("deploy", *options)
    assert (tampered.returncode, "was changed after it was written" in tampered.stderr) == (2, True)

    plan.write_text(written.stdout)
    looser = _migrate("deploy", *options, "--stall", "0.5")
    assert (looser.returncode, "--stall 0.1, and not with --stall 0.5" in looser.stderr) == (2, True)
    done = _migrate("deploy", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names == ["plan", "preflight", "step", "attempt", "step", "attempt", "verifying", "ended"]
    assert (events[-1]["current"], events[-1]["failed"], events[-1]["applied"]) == (["r3"], False, ["r2", "r3"])

    stale = _migrate("deploy", *options)
    assert (stale.returncode, "the plan is out of date" in stale.stderr) == (2, True)
    nothing = _migrate("deploy", "-c", config, "--url", empty_url)
    assert (nothing.returncode, "nothing to do" in nothing.stdout) == (0, True)


@pytest.mark.long
@pytest.mark.one_major
def test_ctrl_c(shop: History, empty_url: str) -> None:
    """Twice, it cancels the step that waits; once, it ends after the step; the next run goes on in either case."""
    twice = _interrupted(shop, empty_url, 2)
    assert twice.returncode == 130, twice.stdout + twice.stderr
    assert "interrupted: 0 of 2 steps applied" in twice.stdout
    assert "The database is at r1." in twice.stdout
    assert columns(empty_url) == {"id", "name"}
    once = _interrupted(shop, empty_url, 1)
    assert once.returncode == 3, once.stdout + once.stderr
    assert "Stopping after the step that runs" in once.stderr
    assert "stopped: 1 of 2 steps applied" in once.stdout
    assert "Not done: r3." in once.stdout
    nobody = _migrate("deploy", "-c", str(shop.ini()), "--url", empty_url)
    assert (nobody.returncode, "there is nobody to ask" in nobody.stderr) == (2, True)
    done = _migrate("deploy", "-c", str(shop.ini()), "--url", empty_url, "--yes")
    assert "deployed: 1 of 1 step applied" in done.stdout


def _migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = process_environment()
    return subprocess.run(
        [*_COMMAND, *arguments], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _interrupted(shop: History, url: str, times: int) -> subprocess.CompletedProcess[str]:
    """Run a deployment, press Ctrl-C so often while its first step waits for a lock, and release that."""
    command = [*_COMMAND, "deploy", "-c", str(shop.ini()), "--url", url, "--yes"]
    lines: list[str] = []
    with (
        subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
        psycopg.connect(url) as other,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready for"):
                other.execute("SELECT count(*) FROM shops")
            if line.startswith("      waiting"):
                break
        for _ in range(times):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.3)
        other.rollback()
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, "".join(lines) + output, errors)


_COMMAND = [sys.executable, "-u", "-c", "from adapter.inbound.cli.migrate import main; main()"]
