"""`alembic upgrade head` on an empty database, against the same SQL through one psql transaction.

    python -m benchmarks.upgrade [--rounds 9]

Prints medians and their ratio; the variants take turns. psql gets the script of `alembic upgrade head --sql`, without
its transactions and with plain instead of concurrent index builds, as one transaction (`psql -1`): the floor for what
the server has to do. `in one process` is `alembic.command.upgrade` without the start of Python and the imports.
"""

import argparse
import io
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from alembic import command

from adapter.outbound.postgres import embedded
from benchmarks.scratch import ROOT, alembic_config, drop, recreate

DATABASE = "benchmark_upgrade"


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    server = embedded.start()
    url = server.url(DATABASE)
    script = _script()
    variants: dict[str, Callable[[], None]] = {
        "psql -1": lambda: _psql(url, script),
        "alembic upgrade head": lambda: _alembic(url),
        "alembic upgrade head, in one process": lambda: _in_process(url),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            recreate(server.url("postgres"), DATABASE)
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    drop(server.url("postgres"), DATABASE)
    base = statistics.median(times["psql -1"])
    print(f"{'variant':<40} {'median ms':>10} {'ratio':>7}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:<40} {median * 1000:>10.0f} {median / base:>7.2f}")


def _script() -> str:
    output = io.StringIO()
    command.upgrade(alembic_config("", output), "head", sql=True)
    script = re.sub(r"^(BEGIN|COMMIT);$", "", output.getvalue(), flags=re.MULTILINE)
    # A transaction cannot use an enum value that it has added, so the script for psql creates the type with it.
    script = re.sub(r"^ALTER TYPE userstatus ADD VALUE.*$", "", script, flags=re.MULTILINE)
    script = script.replace("('ACTIVE', 'INACTIVE')", "('ACTIVE', 'INACTIVE', 'PENDING')")
    return script.replace("INDEX CONCURRENTLY", "INDEX")


def _psql(url: str, script: str) -> None:
    psql = [str(embedded.binary("psql")), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", url]
    subprocess.run(psql, input=script, text=True, check=True, capture_output=True)


def _alembic(url: str) -> None:
    alembic = [sys.executable, "-m", "alembic", "-x", f"url={url}", "upgrade", "head"]
    subprocess.run(alembic, cwd=ROOT, check=True, capture_output=True)


def _in_process(url: str) -> None:
    command.upgrade(alembic_config(url, io.StringIO()), "head")


if __name__ == "__main__":
    main()
