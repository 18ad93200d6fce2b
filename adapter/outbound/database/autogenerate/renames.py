"""Columns and tables that may have been renamed: Alembic drops one and adds the other, which loses the values.

Nobody but the author knows, so the revision asks, by a comment above its operations and a line of the log.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeVar

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddColumnOp,
    CreateTableOp,
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import Column, Table
from sqlalchemy.exc import CompileError

from adapter.outbound.database.autogenerate.equal import metadata_tables
from adapter.outbound.database.autogenerate.operations import type_text

log = logging.getLogger(f"alembic.{__name__}")

_ALIKE = 0.6
_Old = TypeVar("_Old")
_New = TypeVar("_New")


class Question(MigrateOperation):
    """A comment in the upgrade; it changes nothing.

    Attributes:
        old: What goes.
        new: What comes.
        instead: The operation to write instead.
        back: The operation of the downgrade.
    """

    def __init__(self, old: str, new: str, instead: str, back: str) -> None:
        self.old = old
        self.new = new
        self.instead = instead
        self.back = back

    def reverse(self) -> "Question":
        """Return a question that the downgrade does not ask again."""
        return Question(self.new, self.old, "", "")

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return what `alembic check` prints."""
        return ("perhaps_rename", self.old, f"to {self.new}")


@renderers.dispatch_for(Question)
def _render(_context: AutogenContext, question: Question) -> list[str]:
    if not question.instead:
        return []
    return [
        f"# Has {question.old} been renamed to {question.new}? What follows loses its values. If so, write instead:",
        f"#     {question.instead}",
        f"# and in the downgrade: {question.back}",
    ]


def setup(plugin: Plugin) -> None:
    """Register the step, to run when the tables have been compared."""
    plugin.add_autogenerate_comparator(ask, "autogenerate", "renames", priority=DispatchPriority.LAST)


def ask(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Ask about each table and column that goes while one like it comes."""
    tables = metadata_tables(context)
    questions = [*_tables(upgrade_ops.ops)]
    for container in upgrade_ops.ops:
        if isinstance(container, ModifyTableOps):
            model = tables.get((container.schema, container.table_name))
            questions += _columns(container, model)
    for question in questions:
        log.warning(
            "Has %s been renamed to %s? The revision drops and adds, which loses the values; it says what to write",
            question.old,
            question.new,
        )
    upgrade_ops.ops[:0] = questions
    return PriorityDispatchResult.CONTINUE


def _tables(operations: Iterable[MigrateOperation]) -> Iterator[Question]:
    dropped = [each.to_table() for each in operations if isinstance(each, DropTableOp)]
    created = [each.to_table() for each in operations if isinstance(each, CreateTableOp)]
    for old, new in _matched(dropped, created, _tables_alike):
        schema = f", schema={old.schema!r}" if old.schema else ""
        yield Question(
            old.fullname,
            new.fullname,
            f"op.rename_table({old.name!r}, {new.name!r}{schema})",
            f"op.rename_table({new.name!r}, {old.name!r}{schema})",
        )


def _tables_alike(old: Table, new: Table) -> float:
    """Compare the columns of two tables: how many have the same name and type."""
    if old.schema != new.schema:
        return 0
    before, after = ({(column.name, _type(column)) for column in table.columns} for table in (old, new))
    shared = len(before & after) / max(len(before | after), 1)
    return shared if shared == 1 or (shared > _ALIKE and _names_alike(old.name, new.name) > _ALIKE) else 0


def _columns(container: ModifyTableOps, model: Table | None) -> Iterator[Question]:
    dropped = [each.to_column() for each in container.ops if isinstance(each, DropColumnOp)]
    added = [each.column for each in container.ops if isinstance(each, AddColumnOp)]
    places = {column.name: place for place, column in enumerate(model.columns)} if model is not None else {}
    old_places = _old_places(container)

    def alike(old: Column[Any], new: Column[Any]) -> float:
        if _type(old) != _type(new) or (old.server_default is None) != (new.server_default is None):
            return 0
        near = abs(old_places.get(old.name, -9) - places.get(new.name, 9)) <= 1
        noted = old.comment is not None and old.comment == new.comment
        names = _names_alike(old.name, new.name)
        return names + near + noted if near or noted or names > _ALIKE else 0

    for old, new in _matched(dropped, added, alike):
        table, schema = container.table_name, f", schema={container.schema!r}" if container.schema else ""
        full = f"{container.schema}.{table}" if container.schema else table
        yield Question(
            f"{full}.{old.name}",
            f"{full}.{new.name}",
            f"op.alter_column({table!r}, {old.name!r}, new_column_name={new.name!r}{schema})",
            f"op.alter_column({table!r}, {new.name!r}, new_column_name={old.name!r}{schema})",
        )


def _old_places(container: ModifyTableOps) -> dict[str, int]:
    """Number the columns of the table as the database has it."""
    for operation in container.ops:
        if isinstance(operation, DropColumnOp) and operation._reverse is not None:  # noqa: SLF001  # what is dropped
            table = operation._reverse.column.table  # noqa: SLF001
            return {column.name: place for place, column in enumerate(table.columns)}
    return {}


def _matched(olds: Sequence[_Old], news: Sequence[_New], alike: Any) -> Iterator[tuple[_Old, _New]]:
    """Pair what goes with what comes, the likest first, each at most once."""
    scored = [(alike(old, new), i, j) for i, old in enumerate(olds) for j, new in enumerate(news)]
    taken: set[tuple[str, int]] = set()
    for score, i, j in sorted(scored, key=lambda each: (-each[0], each[1], each[2])):
        if score > 0 and not {("old", i), ("new", j)} & taken:
            taken |= {("old", i), ("new", j)}
            yield olds[i], news[j]


def _type(column: Column[Any]) -> str:
    try:
        return type_text(column.type)
    except CompileError:
        return repr(column.type)


def _names_alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
