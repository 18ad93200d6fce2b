"""Columns and tables that may have been renamed: Alembic drops the old and adds the new, which loses the values.

Only the author knows, so a comment above the operations of the revision and a log line ask.
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

_MIN_SIMILARITY = 0.6
_Old = TypeVar("_Old")
_New = TypeVar("_New")


class Question(MigrateOperation):
    """A comment in the upgrade; it changes nothing.

    Attributes:
        old: The name of the dropped column or table.
        new: The name of the added column or table.
        instead: The operation to write instead in the upgrade; empty if the question is not rendered.
        back: The operation to write instead in the downgrade.
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
        """Return kind, old and new name, which `alembic check` prints."""
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
    """Add a question for each dropped table or column to which an added one is similar."""
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
    dropped = [operation.to_table() for operation in operations if isinstance(operation, DropTableOp)]
    created = [operation.to_table() for operation in operations if isinstance(operation, CreateTableOp)]
    for old, new in _matched(dropped, created, _table_similarity):
        schema = f", schema={old.schema!r}" if old.schema else ""
        yield Question(
            old.fullname,
            new.fullname,
            f"op.rename_table({old.name!r}, {new.name!r}{schema})",
            f"op.rename_table({new.name!r}, {old.name!r}{schema})",
        )


def _table_similarity(old: Table, new: Table) -> float:
    """Return how similar two tables are, from 0 to 1: the share of columns with the same name and type."""
    if old.schema != new.schema:
        return 0
    before, after = ({(column.name, _type(column)) for column in table.columns} for table in (old, new))
    shared = len(before & after) / max(len(before | after), 1)
    return (
        shared
        if shared == 1 or (shared > _MIN_SIMILARITY and _name_similarity(old.name, new.name) > _MIN_SIMILARITY)
        else 0
    )


def _columns(container: ModifyTableOps, model: Table | None) -> Iterator[Question]:
    dropped = [operation.to_column() for operation in container.ops if isinstance(operation, DropColumnOp)]
    added = [operation.column for operation in container.ops if isinstance(operation, AddColumnOp)]
    new_places = {column.name: place for place, column in enumerate(model.columns)} if model is not None else {}
    old_places = _old_places(container)

    def similarity(old: Column[Any], new: Column[Any]) -> float:
        if _type(old) != _type(new) or (old.server_default is None) != (new.server_default is None):
            return 0
        same_place = abs(old_places.get(old.name, -9) - new_places.get(new.name, 9)) <= 1
        same_comment = old.comment is not None and old.comment == new.comment
        name_similarity = _name_similarity(old.name, new.name)
        return (
            name_similarity + same_place + same_comment
            if same_place or same_comment or name_similarity > _MIN_SIMILARITY
            else 0
        )

    for old, new in _matched(dropped, added, similarity):
        table, schema = container.table_name, f", schema={container.schema!r}" if container.schema else ""
        table_name = f"{container.schema}.{table}" if container.schema else table
        yield Question(
            f"{table_name}.{old.name}",
            f"{table_name}.{new.name}",
            f"op.alter_column({table!r}, {old.name!r}, new_column_name={new.name!r}{schema})",
            f"op.alter_column({table!r}, {new.name!r}, new_column_name={old.name!r}{schema})",
        )


def _old_places(container: ModifyTableOps) -> dict[str, int]:
    """Return the position of each column of the table in the database, from 0; empty if it is not known."""
    for operation in container.ops:
        if isinstance(operation, DropColumnOp) and operation._reverse is not None:  # noqa: SLF001  # holds the dropped column
            table = operation._reverse.column.table  # noqa: SLF001
            return {column.name: place for place, column in enumerate(table.columns)}
    return {}


def _matched(olds: Sequence[_Old], news: Sequence[_New], similarity: Any) -> Iterator[tuple[_Old, _New]]:
    """Return pairs of a dropped and an added object, the most similar first, each object at most once."""
    scored = [
        (similarity(old, new), old_index, new_index)
        for old_index, old in enumerate(olds)
        for new_index, new in enumerate(news)
    ]
    paired: set[tuple[str, int]] = set()
    for score, old_index, new_index in sorted(scored, key=lambda row: (-row[0], row[1], row[2])):
        if score > 0 and not {("old", old_index), ("new", new_index)} & paired:
            paired |= {("old", old_index), ("new", new_index)}
            yield olds[old_index], news[new_index]


def _type(column: Column[Any]) -> str:
    try:
        return type_text(column.type)
    except CompileError:
        return repr(column.type)


def _name_similarity(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second).ratio()
