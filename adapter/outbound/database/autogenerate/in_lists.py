"""CHECKs on `varchar IN (…)`, written so that the server stores the same definition again.

Postgres shows `x IN ('a', 'b')` of a varchar as `(x)::text = ANY ((ARRAY['a'::character varying, …])::text[])`. From
that text it would create another definition, in which each element is cast alone. A downgrade with the server's own
text would therefore not restore the catalog. The list is written with IN again if the server then shows the same text.
"""

import re
from collections.abc import Iterable, Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    CreateCheckConstraintOp,
    DropConstraintOp,
    DropTableOp,
    MigrateOperation,
    OpContainer,
    UpgradeOps,
)
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import CheckConstraint, Connection, text

from adapter.outbound.database.autogenerate.expressions import literal_text
from adapter.outbound.database.autogenerate.operations import qualified
from adapter.outbound.database.autogenerate.server_forms import rolled_back

_COPY = "pg_temp._hexalembic_in_lists"
_LIST = re.compile(
    r"(?P<column>\((?:[^()]+)\)|[\w\"]+)::text (?P<test>= ANY|<> ALL) "
    r"\(\(?ARRAY\[(?P<items>(?:'(?:[^']|'')*'::character varying(?:, )?)+)\]\)?::text\[\]\)"
)
_DEFINITION = """
SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint
 WHERE conrelid = to_regclass(:table) AND conname = :name
"""


def setup(plugin: Plugin) -> None:
    """Register the step, to run when everything has been compared."""
    plugin.add_autogenerate_comparator(rewrite, "autogenerate", "in_lists", priority=DispatchPriority.LAST)


def rewrite(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Write the lists with IN in the CHECKs that a downgrade creates again."""
    if context.connection is not None:
        for table, name, holder, attribute in _dropped_checks(upgrade_ops.ops, context):
            before = str(getattr(holder, attribute))
            written = written_as_in(context.connection, table, name, before)
            if written != before:
                setattr(holder, attribute, text(literal_text(written)))
    return PriorityDispatchResult.CONTINUE


def written_as_in(connection: Connection, table: str, name: str, original: str) -> str:
    """Return the text of a table's CHECK with IN if the server stores the same definition for it.

    Args:
        connection: A connection to the database.
        table: The quoted name of the table.
        name: The name of the constraint.
        original: The condition of the CHECK, or its definition, which begins with CHECK.

    Returns:
        The text with IN, or `original` if it has no such list or the server would store something else.
    """
    candidate = lists_as_in(original)
    if candidate == original:
        return original
    expected = connection.scalar(text(_DEFINITION), {"table": table, "name": name})
    check = candidate if candidate.startswith("CHECK (") else f"CHECK ({candidate})"
    with rolled_back(connection):
        connection.execute(text(f"CREATE TEMPORARY TABLE {_COPY.partition('.')[2]} (LIKE {literal_text(table)})"))
        connection.execute(text(literal_text(f"ALTER TABLE {_COPY} ADD CONSTRAINT _made {check}")))
        stored = connection.scalar(text(_DEFINITION), {"table": _COPY, "name": "_made"})
    return candidate if stored == expected else original


def lists_as_in(sql: str) -> str:
    """Return SQL of the server with IN for its lists of varchar."""
    return _LIST.sub(_as_in, sql)


def _as_in(match: re.Match[str]) -> str:
    return f"{match['column']} {'IN' if match['test'] == '= ANY' else 'NOT IN'} ({match['items']})"


def _dropped_checks(
    operations: Iterable[MigrateOperation], context: AutogenContext
) -> Iterator[tuple[str, str, CreateCheckConstraintOp | CheckConstraint, str]]:
    """Return each dropped CHECK: the quoted table, its name, and the object and attribute that hold its text."""
    for operation in operations:
        if isinstance(operation, OpContainer):
            yield from _dropped_checks(operation.ops, context)
        elif isinstance(operation, DropConstraintOp) and isinstance(operation._reverse, CreateCheckConstraintOp):  # noqa: SLF001
            table = qualified(operation.schema, operation.table_name)
            yield table, str(operation.constraint_name), operation._reverse, "condition"  # noqa: SLF001
        elif isinstance(operation, DropTableOp) and operation._reverse is not None:  # noqa: SLF001
            for item in operation._reverse.columns:  # noqa: SLF001
                if isinstance(item, CheckConstraint):
                    yield qualified(operation.schema, operation.table_name), str(item.name), item, "sqltext"
