"""How many small faults in `domain` and `application` the unit tests notice: `python -m tests.mutants [--count 100]`.

A mutant has one comparison, `and`, `or` or `not` changed. Each runs the unit tests of both layers, in a copy of the
tree. Prints those that nobody noticed, and the share of the others. A mutant that runs out of time counts as noticed
and is printed as such: where the machine is busy, that says nothing.

No test can notice these, as they do the same:

- `domain/documents/text.py`, `len(rest) > length`: a rest that fills a line is that line, at once or at the next turn;
  no word fits behind it.
- `domain/migration/repair/derivation.py`, `_depends`, `other_kind == "view" and other != name`: no text names a
  constraint, index or column by its qualified name but that of a view, which `uses_column` finds as well.
- `domain/migration/analysis/rules/duplicate_index.py`, `name > other`: they are two names.
- `domain/migration/analysis/rules/rename_by_drop_and_add.py`, `gone and new`: without one of them no pair is found.
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
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


def survivors(chosen: Sequence[tuple[Path, int]], jobs: int) -> Iterator[tuple[str, bool]]:
    """Run mutants; yield a line for each that no test noticed or that ran out of time, and whether it did that."""
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

        def run(place: tuple[Path, int]) -> tuple[str, bool] | None:
            tree = trees.get()
            path, number = place
            source = (tree / path).read_text(encoding="utf-8")
            mutant, what = changed(source, number)
            (tree / path).write_text(mutant, encoding="utf-8")
            command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS]
            noticed = endless = False
            try:
                result = subprocess.run(command, cwd=tree, capture_output=True, timeout=120, check=False)
                noticed = result.returncode != 0
            except subprocess.TimeoutExpired:
                endless = True
            (tree / path).write_text(source, encoding="utf-8")
            trees.put(tree)
            return None if noticed else (f"{path}:{what}", endless)

        with ThreadPoolExecutor(jobs) as pool:
            yield from (line for line in pool.map(run, chosen) if line is not None)


def main() -> None:
    """Read the arguments, run, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="mutants to make")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2, help="at the same time")
    parser.add_argument("--only", default="", help="all mutants of the files that begin so, instead of a sample")
    given = parser.parse_args()
    chosen = [place for place in places() if place[0].as_posix().startswith(given.only)]
    if not given.only:
        chosen = random.Random(given.seed).sample(chosen, given.count)
    left = 0
    for line, endless in survivors(chosen, given.jobs):
        left += not endless
        sys.stdout.write(f"{line}{'  (out of time)' if endless else ''}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - left} of {len(chosen)} noticed\n")


if __name__ == "__main__":
    main()
