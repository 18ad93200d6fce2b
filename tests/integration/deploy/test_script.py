"""The script for cron and pipelines: it writes a plan, and deploys that plan and no other."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.history import History
from tests.integration.deploy.shops import columns
from tests.support import PROJECT_ROOT, process_environment

_SCRIPT = PROJECT_ROOT / "deployment" / "migrate_prod.sh"


@pytest.mark.long
@pytest.mark.one_major
def test_plan_and_deploy(shop: History, empty_url: str, tmp_path: Path) -> None:
    """Both in one call, or apart; a plan that is out of date is refused with exit 2, and no half of a plan is left."""
    program = tmp_path / "migrate"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from adapter.inbound.cli.migrate import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    plan = tmp_path / "plan.json"
    config = ("-c", str(shop.ini()))

    def run(*arguments: str, url: str = empty_url) -> subprocess.CompletedProcess[str]:
        environment = process_environment(url) | {"PLAN": str(plan), "MIGRATE": str(program)}
        return subprocess.run(
            [str(_SCRIPT), *arguments], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
        )

    assert run("plan", *config, "+1").returncode == 0
    assert plan.stat().st_mode & 0o777 == 0o600
    deployed = run("deploy", *config)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert columns(empty_url) == {"id", "name", "phone"}
    stale = run("deploy", *config)
    assert (stale.returncode, "the plan is out of date" in stale.stderr) == (2, True)
    assert run(*config).returncode == 0
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("r3",)]
    assert run("plan", *config, "nowhere").returncode == 2
    assert not plan.with_name("plan.json.partial").exists()
    nameless = subprocess.run(
        [str(_SCRIPT)], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )
    assert (nameless.returncode, "name the database" in nameless.stderr) == (1, True)
