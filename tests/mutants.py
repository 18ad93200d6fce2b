"""How many small faults in `domain` and `application` the unit tests notice: `python -m tests.mutants [--count 100]`.

A mutant has one comparison, `and`, `or` or `not` changed. Each runs the unit tests of both layers in a copy of the
tree, those that import the changed module first, until one fails. The script prints the mutants that no test noticed,
and the share of the others. A mutant that runs out of time counts as noticed and is printed as such, because that may
only mean that the machine is busy.

No test can notice these, because the mutant does the same as the original:

- `domain/documents/text.py`, `len(rest) > length`: a rest that fills a line is that line, at once or at the next turn;
  no word fits behind it.
- `domain/migration/exchanges.py`, `before is None or not any`: without a schema or a rename nothing is exchanged, which
  is only known later.
- `domain/migration/repair/derivation.py`, `_depends`, `other_kind == "view" and other_name != name`: no text names a
  constraint, index or column by its qualified name but that of a view, which `uses_column` finds as well.
- `domain/migration/history.py`, `steps < 0`: of no steps, none is taken in either direction.
- `domain/migration/analysis/estimate.py`, `> _EVIDENT`: no measured exponent is exactly that number.
- `domain/migration/analysis/unknown_shares.py`, `count > 1`: a statement that ran once has one turn, by rows or not.
- `domain/migration/analysis/unknown_shares.py`, `<= words`: a statement has other words than its columns.
- `domain/migration/analysis/rules/constraint_validated_at_once.py`, `isinstance(form, KeyFromIndex) and required`: only
  keys have required columns, and without one a key has the same steps in either form.
- `domain/migration/analysis/rules/duplicate_index.py`, `name > existing`: they are two names.
- `domain/migration/analysis/rules/rename_by_drop_and_add.py`, `dropped_columns and added_columns`: without one of
  them no pair is found.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from tests.support import PROJECT_ROOT

LAYERS = ("domain", "application")
TESTS = ("tests/unit/domain", "tests/unit/application")
_COPIED = (*LAYERS, "adapter", "tests", "docs", "pyproject.toml", "alembic.ini")
# These tests need no server: without the plugins and the databases of conftest.py they start five times as fast.
_PYTEST = ("-m", "pytest", "-qx", "-W", "error", "--noconftest", "--rootdir=.", "-c", os.devnull)
_SECONDS = 300
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


def every_place() -> list[tuple[Path, int]]:
    """Return every place that can be changed: a file, and a number in it."""
    places = []
    for layer in LAYERS:
        for path in sorted((PROJECT_ROOT / layer).rglob("*.py")):
            counter = _Changer()
            counter.visit(ast.parse(path.read_text(encoding="utf-8")))
            places += [(path.relative_to(PROJECT_ROOT), number) for number in range(counter.count)]
    return places


def changed(source: str, number: int) -> tuple[str, str]:
    """Return a mutant's source, and what was changed: line, before, after."""
    tree = ast.parse(source)
    changer = _Changer(number)
    mutant = ast.unparse(ast.fix_missing_locations(changer.visit(tree)))
    was = ast.unparse(ast.parse(source)).splitlines()
    pairs = (pair for pair in zip(was, mutant.splitlines(), strict=False) if pair[0] != pair[1])
    before, after = next(pairs, ("", ""))
    return mutant, f"{changer.line}: {before.strip()}  ->  {after.strip()}"


def _imported(path: Path) -> set[str]:
    """Return the dotted names that a file may import, modules and what is in them alike."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def importers() -> dict[str, list[str]]:
    """Return the test files that import a module themselves, by the module's dotted name."""
    tests: dict[str, list[str]] = {}
    for folder in TESTS:
        for path in sorted((PROJECT_ROOT / folder).rglob("test_*.py")):
            for name in _imported(path):
                tests.setdefault(name, []).append(path.relative_to(PROJECT_ROOT).as_posix())
    return tests


def tests_first(module: Path, tests: dict[str, list[str]]) -> list[str]:
    """Return the test files to run before all others: those named after the module, and those that import it."""
    name = ".".join(module.with_suffix("").parts)
    mine = {path for paths in tests.values() for path in paths if Path(path).name == f"test_{module.name}"}
    return sorted(mine | set(tests.get(name, [])))


def fails(tree: Path, tests: Sequence[str], **environment: str) -> bool:
    """Return whether one of some tests fails in a tree.

    Raises:
        subprocess.TimeoutExpired: If the tests take longer than five minutes.
    """
    command = [sys.executable, *_PYTEST, *tests]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    result = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    return result.returncode != 0


def noticed(tree: Path, first: Sequence[str]) -> bool:
    """Return whether a test fails in a tree that has a mutant; some tests run before the others."""
    without_cache = {"PYTHONDONTWRITEBYTECODE": "1"}  # of a mutant, which the original might be taken for
    return bool(first and fails(tree, first, **without_cache)) or fails(tree, TESTS, **without_cache)


@contextmanager
def copies(count: int) -> Iterator[list[Path]]:
    """Make copies of this tree with compiled files, in which the tests have passed.

    Raises:
        RuntimeError: If a test fails without any mutant.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, *others = trees = [Path(folder) / str(number) for number in range(count)]
        for name in _COPIED:
            source = PROJECT_ROOT / name
            if source.is_dir():
                shutil.copytree(source, first / name)
            else:
                shutil.copy(source, first / name)
        if fails(first, TESTS):
            raise RuntimeError("the unit tests fail without any mutant")
        for tree in others:
            shutil.copytree(first, tree)
        yield trees


def survivors(chosen: Sequence[tuple[Path, int]], jobs: int) -> Iterator[tuple[str, bool]]:
    """Run mutants; yield a line for each that no test noticed or that ran out of time, and whether it did that."""
    tests = importers()
    with copies(jobs) as folders:
        trees: Queue[Path] = Queue()
        for tree in folders:
            trees.put(tree)

        def run(place: tuple[Path, int]) -> tuple[str, bool] | None:
            tree = trees.get()
            path, number = place
            source = (tree / path).read_text(encoding="utf-8")
            mutant, change = changed(source, number)
            (tree / path).write_text(mutant, encoding="utf-8")
            try:
                survivor = None if noticed(tree, tests_first(path, tests)) else (f"{path}:{change}", False)
            except subprocess.TimeoutExpired:
                survivor = (f"{path}:{change}", True)
            (tree / path).write_text(source, encoding="utf-8")
            trees.put(tree)
            return survivor

        with ThreadPoolExecutor(jobs) as pool:
            yield from (line for line in pool.map(run, chosen) if line is not None)


def main() -> None:
    """Read the arguments, run, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="mutants to make")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2, help="at the same time")
    parser.add_argument("--only", default="", help="all mutants of the files that begin so, instead of a sample")
    options = parser.parse_args()
    chosen = [place for place in every_place() if place[0].as_posix().startswith(options.only)]
    if not options.only:
        chosen = random.Random(options.seed).sample(chosen, options.count)
    left = 0
    for line, endless in survivors(chosen, options.jobs):
        left += not endless
        sys.stdout.write(f"{line}{'  (out of time)' if endless else ''}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - left} of {len(chosen)} noticed\n")


if __name__ == "__main__":
    main()
