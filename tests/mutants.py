"""How many small faults in `domain` and `application` the unit tests notice: `python -m tests.mutants [--count 100]`.

A mutant has one comparison, `and`, `or` or `not` changed. Each runs the unit tests of both layers, in a copy of the
tree. Prints those that nobody noticed, and the share of the others.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.support import PROJECT_ROOT

LAYERS = ("domain", "application")
TESTS = ("tests/unit/domain", "tests/unit/application")
_COPIED = (*LAYERS, "adapter", "tests", "docs", "pyproject.toml", "alembic.ini")
_OTHER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class _Changer(ast.NodeTransformer):
    """Changes the node of that number; counts those that it could change."""

    def __init__(self, number: int = -1) -> None:
        self.count = 0
        self.line = 0
        self._number = number

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if self._is_it(node):
            node.ops[0] = _OTHER[type(node.ops[0])]()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if self._is_it(node):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._is_it(node):
            return node.operand
        return node

    def _is_it(self, node: ast.expr) -> bool:
        self.count += 1
        if self.count - 1 != self._number:
            return False
        self.line = node.lineno
        return True


def places() -> list[tuple[Path, int]]:
    """Return every place that can be changed: a file, and a number in it."""
    found = []
    for layer in LAYERS:
        for path in sorted((PROJECT_ROOT / layer).rglob("*.py")):
            counter = _Changer()
            counter.visit(ast.parse(path.read_text(encoding="utf-8")))
            found += [(path.relative_to(PROJECT_ROOT), number) for number in range(counter.count)]
    return found


def changed(source: str, number: int) -> tuple[str, str]:
    """Return a mutant's source, and what was changed: line, before, after."""
    tree = ast.parse(source)
    changer = _Changer(number)
    mutant = ast.unparse(ast.fix_missing_locations(changer.visit(tree)))
    was = ast.unparse(ast.parse(source)).splitlines()
    pairs = (pair for pair in zip(was, mutant.splitlines(), strict=False) if pair[0] != pair[1])
    before, after = next(pairs, ("", ""))
    return mutant, f"{changer.line}: {before.strip()}  ->  {after.strip()}"


def survivors(count: int, seed: int, jobs: int) -> Iterator[str]:
    """Run mutants; yield a line for each that no test noticed."""
    chosen = random.Random(seed).sample(places(), count)
    with tempfile.TemporaryDirectory() as folder:
        trees: Queue[Path] = Queue()
        for job in range(jobs):
            tree = Path(folder) / str(job)
            tree.mkdir()
            for name in _COPIED:
                source = PROJECT_ROOT / name
                copy = shutil.copytree if source.is_dir() else shutil.copy
                copy(source, tree / name)
            trees.put(tree)

        def run(place: tuple[Path, int]) -> str | None:
            tree = trees.get()
            path, number = place
            source = (tree / path).read_text(encoding="utf-8")
            mutant, what = changed(source, number)
            (tree / path).write_text(mutant, encoding="utf-8")
            command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
            try:
                result = subprocess.run(command, cwd=tree, capture_output=True, timeout=120, check=False)
                noticed = result.returncode != 0
            except subprocess.TimeoutExpired:
                noticed = True
            (tree / path).write_text(source, encoding="utf-8")
            trees.put(tree)
            return None if noticed else f"{path}:{what}"

        with ThreadPoolExecutor(jobs) as pool:
            yield from (line for line in pool.map(run, chosen) if line is not None)


def main() -> None:
    """Read the arguments, run, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="mutants to make")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2, help="at the same time")
    given = parser.parse_args()
    left = 0
    for line in survivors(given.count, given.seed, given.jobs):
        left += 1
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{given.count - left} of {given.count} noticed\n")


if __name__ == "__main__":
    main()
