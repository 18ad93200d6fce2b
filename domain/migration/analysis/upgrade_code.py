"""What the code of an upgrade may do elsewhere, where it has done nothing in the sandbox."""

import ast
import builtins
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_DIALECT = "dialect"  # what a condition on it decides is the same on every Postgres
_ENTRY = "upgrade"
_LIBRARIES = {"alembic", "sqlalchemy"}  # their functions have no conditions of their own


@dataclass(frozen=True)
class Work:
    """A call in an upgrade that may work on the database.

    Attributes:
        line: Its line.
        condition: Source of the condition or the loop that it depends on; empty where it depends on none, and calls a
            function of another file, which may have one.
    """

    line: int
    condition: str


def work_in(source: str) -> list[Work]:
    """Return the calls of an upgrade that may work on the database, also in functions of the same file.

    A call works if its name comes from an import outside of the standard library, as `op` does, or from what such a
    call has returned. What depends on the dialect, raises an error or handles one is left out.

    Args:
        source: Text of the revision's file.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}
    if _ENTRY not in functions:
        return []
    imported = set(_imported_names(module, sys.stdlib_module_names))
    others = set(_imported_names(module, sys.stdlib_module_names | _LIBRARIES))
    reading = _Reading(functions, _working_names(module, imported), others)
    return list(reading.block(functions[_ENTRY].body, ""))


@dataclass
class _Reading:
    """The reading of an upgrade, statement by statement.

    Attributes:
        functions: Functions of the file that have not been read.
        working: Names whose calls may work.
        others: Those of them that are imported from other files of the project.
    """

    functions: dict[str, ast.FunctionDef]
    working: Collection[str]
    others: Collection[str]

    def block(self, body: list[ast.stmt], condition: str) -> Iterator[Work]:
        """Return the work in statements that depend on a condition; behind a `return`, all depends on its condition."""
        for statement in body:
            if isinstance(statement, ast.If) and _is_about_dialect(statement.test):
                if _leaves(statement.body):
                    return
                continue
            yield from self._statement(statement, condition)
            if isinstance(statement, ast.If) and _leaves(statement.body):
                condition = condition or ast.unparse(statement.test)

    def _statement(self, statement: ast.stmt, condition: str) -> Iterator[Work]:
        if isinstance(statement, ast.Raise | ast.Assert | ast.FunctionDef | ast.ClassDef):
            return
        inner = condition
        if isinstance(statement, ast.If | ast.While):
            inner = condition or ast.unparse(statement.test)
        elif isinstance(statement, ast.For):
            inner = condition or f"for {ast.unparse(statement.target)} in {ast.unparse(statement.iter)}"
        elif isinstance(statement, ast.Match):
            inner = condition or f"match {ast.unparse(statement.subject)}"
        blocks, expressions = _parts(statement)
        for expression in expressions:
            yield from self._calls(expression, condition)
        for block in blocks:
            yield from self.block(block, inner)

    def _calls(self, expression: ast.AST, condition: str) -> Iterator[Work]:
        if isinstance(expression, ast.IfExp) and not _is_about_dialect(expression.test):
            yield from self._calls(expression.test, condition)
            for branch in (expression.body, expression.orelse):
                yield from self._calls(branch, condition or ast.unparse(expression.test))
            return
        if isinstance(expression, ast.BoolOp):
            first, *others = expression.values
            yield from self._calls(first, condition)
            for other in others:
                yield from self._calls(other, condition or ast.unparse(first))
            return
        if isinstance(expression, ast.Call):
            name = _root(expression.func)
            if isinstance(expression.func, ast.Name) and name in self.functions:
                yield from self.block(self.functions.pop(name).body, condition)
            elif name in (self.working if condition else self.others):
                yield Work(expression.lineno, condition)
        for child in ast.iter_child_nodes(expression):
            yield from self._calls(child, condition)


def _parts(statement: ast.stmt) -> tuple[list[list[ast.stmt]], list[ast.AST]]:
    """Return the blocks within a statement, and its own expressions."""
    blocks, expressions = [], list[ast.AST]()
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.match_case):
            blocks.append(child.body)
        elif not isinstance(child, ast.stmt | ast.ExceptHandler):
            expressions.append(child)
    blocks += (getattr(statement, name, []) for name in ("body", "orelse", "finalbody"))
    return blocks, expressions


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break)


def _is_about_dialect(test: ast.expr) -> bool:
    return any(_DIALECT in ast.unparse(node) for node in ast.walk(test) if isinstance(node, ast.Attribute | ast.Name))


def _root(expression: ast.expr) -> str:
    """Return the name that a chain of attributes and calls begins with; empty for anything else."""
    while isinstance(expression, ast.Attribute | ast.Call | ast.Subscript):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def _imported_names(module: ast.Module, omitted: Collection[str]) -> Iterator[str]:
    """Return the names that come from imports, without those of some packages."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                source = (getattr(node, "module", None) or alias.name).partition(".")[0]
                if source not in omitted:
                    yield (alias.asname or alias.name).partition(".")[0]


def _working_names(module: ast.Module, imported: Collection[str]) -> set[str]:
    """Return imported names, parameters, and the names that are made from them."""
    parameters = {
        argument.arg
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    }
    working = {*imported, *parameters}
    bindings = list(_bindings(module))
    while made := {
        name
        for names, value in bindings
        for name in names - working
        if working & {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    }:
        working |= made
    return working - set(dir(builtins))


def _bindings(module: ast.Module) -> Iterator[tuple[set[str], ast.expr]]:
    """Return the names that assignments, loops and `with` bind, with the expression that they are bound to."""
    for node in ast.walk(module):
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            targets, value = [node.optional_vars], node.context_expr
        if value is not None:
            yield {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}, value
