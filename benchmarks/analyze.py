"""Seconds and memory of `migrate analyze`, against squawk, which reads the SQL and runs nothing.

    python -m benchmarks.analyze [--rounds 5] [--mlflow PYTHON]

Over this project's history: cold (an empty folder for the sandbox, so that initdb and the whole history run), again
(the same range, from the databases that were kept), and one new revision on a history that has been analyzed before.
Over mlflow's history the same without the new revision, when `--mlflow` names a Python that has mlflow-skinny and
psycopg, or when they can be installed. squawk (`pip install squawk-cli`) gets the SQL of `alembic upgrade head --sql`.

Variants take turns, so that what else the machine does falls on all of them alike; medians are printed, in seconds for
the whole command and for each revision, and the latter's ratio to squawk's. Memory is the largest resident set of the
command and of the agent that runs the revisions, for 15 and for 100 generated revisions.
"""

import argparse
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command

from benchmarks.scratch import ROOT, alembic_config, generate, write_revision

_POLL = 0.02  # seconds between two readings of the memory
# mlflow's first revision expects tables that its application creates.
_MLFLOW_SETUP = "mlflow.store.tracking.dbmodels.initial_models:Base.metadata.create_all"
_FIND_MLFLOW = "import mlflow.store.db_migrations as found; print(found.__path__[0])"


@dataclass
class Variant:
    """A variant to be measured.

    Attributes:
        run: Function that runs the variant once and returns the number of revisions that it processed.
        seconds: Duration of each round in seconds.
        revisions: The number of revisions in the last run.
    """

    run: Callable[[], int]
    seconds: list[float] = field(default_factory=list)
    revisions: int = 0


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mlflow", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hx", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        variants = _own_variants(folder)
        variants.update(_mlflow(folder, arguments.mlflow))
        for _ in range(arguments.rounds):
            for variant in variants.values():
                start = time.perf_counter()
                variant.revisions = variant.run()
                variant.seconds.append(time.perf_counter() - start)
        _print(variants)
        for count in (15, 100):
            _print_memory(folder, count)


def _own_variants(folder: Path) -> dict[str, Variant]:
    """Return the variants for this project's history, after creating the databases that warm runs reuse."""
    versions = folder / "versions"
    shutil.copytree(ROOT / "adapter/outbound/database/alembic/versions", versions)
    settings = (ROOT / "alembic.ini").read_text(encoding="utf-8").replace("%(here)s", str(ROOT))
    config = folder / "alembic.ini"
    config.write_text(settings.replace("[alembic]\n", f"[alembic]\nversion_locations = {versions}\n"), encoding="utf-8")
    warm = folder / "warm"
    _analyze(warm, "base:heads", "-c", config)
    (head,) = json.loads(_analyze(warm, "head", "-c", config, "--format", "json").stdout)["revisions"]
    new = iter(range(1_000_000))

    def one_new() -> int:
        number = next(new)
        up, down = f"ALTER TABLE users ADD COLUMN new_{number} text", f"ALTER TABLE users DROP COLUMN new_{number}"
        path = write_revision(versions, f"new{number}", head["revision"], up, down)
        _analyze(warm, "head", "-c", config)
        path.unlink()
        return 1

    variants = _squawk("squawk, this project", _script(), folder)
    variants["this project, cold"] = Variant(lambda: _cold(folder, "base:heads", "-c", config))
    variants["this project, again"] = Variant(lambda: _counted(warm, "base:heads", "-c", config))
    variants["this project, one new revision"] = Variant(one_new)
    return variants


def _mlflow(folder: Path, python: Path | None) -> dict[str, Variant]:
    """Return the variants for mlflow's history; empty where mlflow cannot be installed or analyzed."""
    interpreter = python or _installed(
        folder, "mlflow-skinny", "sqlalchemy<2.1", "alembic", "psycopg[binary]", "pandas"
    )
    location = None
    if interpreter and interpreter.is_file():
        location = subprocess.run([interpreter, "-c", _FIND_MLFLOW], capture_output=True, text=True, check=False)
    if location is None or location.returncode != 0:
        print("mlflow-skinny cannot be had: not measured")
        return {}
    config = folder / "mlflow.ini"
    config.write_text(f"[alembic]\nscript_location = {location.stdout.strip()}\n", encoding="utf-8")
    warm = folder / "mlflow-warm"
    arguments = ("base:heads", "-c", config, "--python", interpreter, "--setup", _MLFLOW_SETUP)
    try:
        _analyze(warm, *arguments)
    except subprocess.CalledProcessError as error:
        print(f"mlflow is not measured: {error.stderr.strip().splitlines()[-1]}")
        return {}
    return {
        "mlflow, cold": Variant(lambda: _cold(folder, *arguments)),
        "mlflow, again": Variant(lambda: _counted(warm, *arguments)),
    }


def _installed(folder: Path, *packages: str) -> Path | None:
    """Create a virtual environment with packages and return its interpreter; None where that fails."""
    creation = subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=False, capture_output=True)
    python = folder / "environment" / "bin" / "python"
    installation = creation.returncode == 0 and subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *packages], check=False, capture_output=True
    )
    return python if installation and installation.returncode == 0 else None


def _script() -> str:
    output = io.StringIO()
    command.upgrade(alembic_config("", output), "head", sql=True)
    return output.getvalue()


def _squawk(label: str, script: str, folder: Path) -> dict[str, Variant]:
    program = shutil.which("squawk", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        print("squawk is not installed (pip install squawk-cli): not measured")
        return {}
    file = folder / "upgrade.sql"
    file.write_text(script, encoding="utf-8")
    count = len(re.findall(r"^-- Running upgrade", script, re.MULTILINE))

    def run() -> int:
        # squawk exits with 1 when it reports anything
        subprocess.run([program, file], check=False, capture_output=True)
        return count

    return {label: Variant(run)}


def _command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", *map(str, arguments), "--fail-on", "never"]


def _environment(sandbox: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "HEXALEMBIC_SANDBOX_DIR": str(sandbox)}


def _analyze(sandbox: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(arguments), cwd=ROOT, env=_environment(sandbox), check=True, capture_output=True, text=True
    )


def _counted(sandbox: Path, *arguments: object) -> int:
    return len(json.loads(_analyze(sandbox, *arguments, "--format", "json").stdout)["revisions"])


def _cold(folder: Path, *arguments: object) -> int:
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as sandbox:
        return _counted(Path(sandbox), *arguments)


def _print(variants: dict[str, Variant]) -> None:
    rates = {name: statistics.median(variant.seconds) / variant.revisions for name, variant in variants.items()}
    base = next((seconds for name, seconds in rates.items() if name.startswith("squawk")), None)
    print(f"{'variant':<34} {'revisions':>9} {'median s':>9} {'s/revision':>10} {'ratio':>8}")
    for name, variant in variants.items():
        ratio = f"{rates[name] / base:>8.1f}" if base else f"{'-':>8}"
        print(
            f"{name:<34} {variant.revisions:>9} {statistics.median(variant.seconds):>9.2f} {rates[name]:>10.3f} {ratio}"
        )


def _print_memory(folder: Path, count: int) -> None:
    """Analyze generated revisions, and print the duration and the peak memory of the processes."""
    project = folder / f"generated{count}"
    create = ("CREATE TABLE t (id bigint PRIMARY KEY, note text)", "DROP TABLE t")
    add, drop = "ALTER TABLE t ADD COLUMN note text", "ALTER TABLE t DROP COLUMN note"
    generate(project, [create, *((drop, add) if number % 2 else (add, drop) for number in range(1, count))])
    start = time.perf_counter()
    process = subprocess.Popen(
        _command(["base:heads", "-c", project / "alembic.ini", "--format", "json"]),
        cwd=ROOT,
        env=_environment(folder / "memory"),
        stdout=subprocess.PIPE,
    )
    output: list[bytes] = []
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    reader = threading.Thread(target=lambda pipe: output.append(pipe.read()), args=(process.stdout,))
    reader.start()
    command_memory = agent_memory = 0
    while process.poll() is None:
        command_memory = max(command_memory, _resident(process.pid))
        agent_memory = max([agent_memory, *(_resident(pid) for pid in _descendants(process.pid) if _is_agent(pid))])
        time.sleep(_POLL)
    seconds = time.perf_counter() - start
    reader.join()
    failed = [
        revision["revision"]
        for revision in json.loads(output[0])["revisions"]
        if "upgrade-fails" in revision["reasons"]
    ]
    if failed:
        raise SystemExit(f"generated revisions fail: {', '.join(failed)}")
    print(
        f"{count} generated revisions: {seconds:.1f} s, {seconds / count:.3f} s/revision,"
        f" at most {command_memory / 1024:.0f} MB in the command, {agent_memory / 1024:.0f} MB in the agent"
    )


def _resident(pid: int) -> int:
    """Return the peak resident set of a process in kB; 0 when the process has ended, or where there is no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    return int(peak[1]) if peak else 0


def _descendants(pid: int) -> list[int]:
    try:
        children = [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        ]
    except OSError:
        return []
    return [process for child in children for process in (child, *_descendants(child))]


def _is_agent(pid: int) -> bool:
    try:
        return b"/agent/start.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    main()
