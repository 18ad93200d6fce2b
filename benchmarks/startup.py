"""Wall time of the commands that people wait for, against importing Alembic, which all of them must do at least.

    python -m benchmarks.startup [--rounds 15]

Prints medians in milliseconds and their ratio to `python -c "import alembic.config"` in the same run; the commands take
turns, so that what else the machine does falls on all of them alike. The database is at head on the embedded server.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
BASELINE = 'python -c "import alembic.config"'


def main() -> None:
    """Measure all commands and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    alembic, migrate = str(BIN / "alembic"), str(BIN / "migrate")
    commands = {
        BASELINE: [sys.executable, "-c", "import alembic.config"],
        "migrate --help": [migrate, "--help"],
        "migrate status": [migrate, "status"],
        "alembic current": [alembic, "current"],
        "alembic upgrade head (nothing to do)": [alembic, "upgrade", "head"],
    }
    subprocess.run([alembic, "upgrade", "head"], check=True, capture_output=True)
    times: dict[str, list[float]] = {name: [] for name in commands}
    with _server_stays_up():
        for _ in range(rounds):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                times[name].append(time.perf_counter() - start)
    base = statistics.median(times[BASELINE])
    print(f"{'command':<40} {'median ms':>10} {'ratio':>7}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:<40} {median * 1000:>10.0f} {median / base:>7.2f}")


class _server_stays_up:  # noqa: N801 - used like a function in a with statement
    """A block during which the embedded server keeps running between commands, as it does during development."""

    def __enter__(self) -> None:
        from adapter.outbound.database import settings

        settings.database_url()

    def __exit__(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main()
