"""Records the statements that SQLAlchemy sends; Python imports this file at startup.

`migrate record` prepends this folder to `PYTHONPATH`, so every Python process of the recorded command imports it. It is
a single file on purpose, uses only the standard library, and runs on Python 3.9 or later. It never disturbs the
application: a statement that cannot be recorded is skipped.

HEXALEMBIC_RECORD_DIR     folder where each process writes a file of JSON lines: {"sql": …, "parameters": […]}
HEXALEMBIC_RECORD_VALUES  "0" to write NULL for each value
"""

from __future__ import annotations

import datetime as dt
import importlib.machinery
import importlib.util
import json
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_HERE = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - importing pathlib takes each process 10 ms
_PLACE = re.compile(r"%%|%\((?P<name>[^)]+)\)s|%s|%b|%t")
_POSITION = re.compile(r"\$(\d+)")


class _Recorder:
    """Writer of statements to a file per process; a fork opens its own file."""

    def __init__(self, folder: str, *, values: bool) -> None:
        self._folder = folder
        self._values = values
        self._process = 0
        self._file = -1
        self._recorded: set[str] = set()

    def listen(self) -> None:
        """Register for the statements of all engines; an async engine uses a sync engine underneath."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", self._before)

    def _before(self, connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        with suppress(Exception):  # an error here must not disturb the application
            if connection.dialect.name == "postgresql":
                bound = parameters[0] if many and parameters else parameters
                is_literal = bool(context is not None and context.execution_options.get("no_parameters") and not bound)
                sql, values = (statement, []) if is_literal else numbered(statement, bound)
                self._write(sql, [written(value) for value in values] if self._values else [None for _ in values])

    def _write(self, sql: str, parameters: list[str | None]) -> None:
        if self._process != os.getpid():
            self._process = os.getpid()
            self._recorded = set()
            path = f"{self._folder}/{self._process}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if sql not in self._recorded:
            self._recorded.add(sql)
            os.write(self._file, (json.dumps({"sql": sql, "parameters": parameters}) + "\n").encode())


def numbered(statement: str, parameters: Any) -> tuple[str, list[Any]]:
    """Return the statement with placeholders `$1`, `$2`, …, and their values; a repeated name is one parameter."""
    if isinstance(parameters, dict):
        names: list[str] = []

        def numbered_name(placeholder: re.Match[str]) -> str:
            name = placeholder.group("name")
            if name is None:
                return "%"
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        return _PLACE.sub(numbered_name, statement), [parameters[name] for name in names]
    values = list(parameters or ())
    if _POSITION.search(statement) or not _PLACE.search(statement):
        return statement, values
    numbers = iter(range(1, len(values) + 1))
    return _PLACE.sub(
        lambda placeholder: "%" if placeholder.group() == "%%" else f"${next(numbers)}", statement
    ), values


def written(value: Any) -> str | None:
    """Return a value as text that Postgres can parse; None for NULL."""
    if value is None:
        return None
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return str(write(value))
    for wrapper in ("obj", "adapted"):  # JSON wrappers of psycopg and psycopg2
        if type(value).__module__.startswith("psycopg") and hasattr(value, wrapper):
            return json.dumps(getattr(value, wrapper), default=str)
    if hasattr(value, "to_text"):  # pgvector
        return str(value.to_text())
    if hasattr(value, "tolist"):
        return json.dumps(value.tolist())
    return str(value)


def _element(value: Any) -> str:
    text = written(value) or ""
    if isinstance(value, (list, tuple)):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: tuple[tuple[Any, Any], ...] = (
    (bool, lambda value: "true" if value else "false"),
    ((bytes, bytearray, memoryview), lambda value: "\\x" + bytes(value).hex()),
    (dt.timedelta, lambda value: f"{value.total_seconds()} seconds"),
    (
        (list, tuple, set, frozenset),
        lambda value: "{" + ",".join("NULL" if element is None else _element(element) for element in value) + "}",
    ),
    (dict, lambda value: json.dumps(value, default=str)),
)


class _AfterSQLAlchemy:
    """An import hook that starts recording once SQLAlchemy is imported; other processes have no overhead."""

    def __init__(self, recorder: _Recorder) -> None:
        self._recorder = recorder
        self._looking = False

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the usual spec of SQLAlchemy, extended so that recording starts after the import."""
        if name != "sqlalchemy" or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        loader = spec.loader if spec is not None else None
        if loader is None:
            return spec
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            with suppress(Exception):
                self._recorder.listen()

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _run_shadowed() -> None:
    """Run the `sitecustomize` that this file shadows, if there is one."""
    path = [folder for folder in sys.path if os.path.realpath(folder or ".") != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    if os.environ.get("HEXALEMBIC_RECORD_DIR"):
        sys.meta_path.insert(
            0,
            _AfterSQLAlchemy(
                _Recorder(os.environ["HEXALEMBIC_RECORD_DIR"], values=os.environ.get("HEXALEMBIC_RECORD_VALUES") != "0")
            ),
        )
    _run_shadowed()
