"""Which files `alembic revision --autogenerate` writes: none without a difference, two for concurrent builds."""

import logging
from collections.abc import Iterable

from alembic import context, util
from alembic.operations.ops import DowngradeOps, MigrationScript, UpgradeOps
from alembic.runtime.migration import MigrationContext

from adapter.outbound.database.autogenerate.operations import AutocommitOps

log = logging.getLogger(f"alembic.{__name__}")


def arrange_revisions(
    _context: MigrationContext, _revision: str | Iterable[str | None] | Iterable[str], directives: list[MigrationScript]
) -> None:
    """Take an empty revision back, split a mixed one.

    `alembic revision` without --autogenerate may be empty. `alembic check` looks at the last revision only, so it must
    get one, with everything in it.
    """
    if not getattr(context.config.cmd_opts, "autogenerate", False) or not directives:
        return
    script = directives[0]
    if all(each.is_empty() for each in script.upgrade_ops_list):
        directives.clear()
        log.info("No changes detected")
        context.config.print_stdout("No difference between models and database: no revision is written.")
    elif len(script.upgrade_ops_list) == 1 and (second := _split(script)):
        directives.append(second)


def _split(script: MigrationScript) -> MigrationScript | None:
    """Move concurrent builds into a revision of their own: when one fails, what came before it is done and recorded."""
    up, down = script.upgrade_ops_list[0], script.downgrade_ops_list[0]
    concurrent = [operation for operation in up.ops if isinstance(operation, AutocommitOps)]
    if not concurrent or len(concurrent) == len(up.ops):
        return None
    undone = [operation for operation in down.ops if isinstance(operation, AutocommitOps)]
    up.ops[:] = [operation for operation in up.ops if operation not in concurrent]
    down.ops[:] = [operation for operation in down.ops if operation not in undone]
    return MigrationScript(
        util.rev_id(),
        UpgradeOps(concurrent, upgrade_token=up.upgrade_token),
        DowngradeOps(undone, downgrade_token=down.downgrade_token),
        message=f"{script.message or ''} concurrently".strip(),
        head=script.rev_id,
        splice=True,
        version_path=script.version_path,
    )
