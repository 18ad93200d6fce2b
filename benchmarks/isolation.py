"""What the wall costs: `migrate analyze` of one revision with it, and without.

    python -m benchmarks.isolation [--rounds 15]

Both run on the same sandbox server, which was started behind the wall, and from the same kept databases; they take
turns. Printed are the medians of wall time and of processor time, and the median of the differences in each round.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.scratch import ROOT

VARIANTS = {"with the wall": [], "without": ["--no-isolation"]}


def main() -> None:
    """Measure both variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="hx", ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, "HEXALEMBIC_SANDBOX_DIR": folder, "HEXALEMBIC_POSTGRES_LINGER": "20"}
        for options in VARIANTS.values():  # creates the databases that later runs reuse
            _seconds(options, environment)
        measured = [[_seconds(options, environment) for options in VARIANTS.values()] for _ in range(rounds)]
    for place, kind in enumerate(("wall time", "processor time")):
        figures = [[variant[place] for variant in turn] for turn in measured]
        medians = [statistics.median(column) for column in zip(*figures, strict=True)]
        difference = statistics.median(walled - plain for walled, plain in figures)
        listed_medians = ", ".join(f"{name} {median:.3f} s" for name, median in zip(VARIANTS, medians, strict=True))
        print(f"{kind}: {listed_medians}; difference {difference * 1000:+.0f} ms, ratio {medians[0] / medians[1]:.3f}")


def _seconds(options: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the wall time and the processor time of one analysis, in seconds."""
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "head", *options]
    usage_before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    elapsed, usage_after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return elapsed, usage_after.ru_utime + usage_after.ru_stime - usage_before.ru_utime - usage_before.ru_stime


if __name__ == "__main__":
    main()
