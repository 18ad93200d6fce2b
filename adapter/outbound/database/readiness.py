"""The check that the database is at the revision that this code was written for."""

import ast
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.postgres.errors import DatabaseError

_VERSIONS = Path(__file__).parent / "alembic" / "versions"


class DatabaseBehindError(DatabaseError):
    """The database lacks revisions that the code needs.

    Attributes:
        current: The revisions that the database is at; empty before the first upgrade.
        heads: The revisions that the code needs.
    """

    def __init__(self, current: Collection[str], heads: Collection[str]) -> None:
        super().__init__(
            f"the database is at {_join(current)}, the code needs {_join(heads)}",
            "alembic upgrade head",
        )
        self.current = frozenset(current)
        self.heads = frozenset(heads)


async def check_readiness(session: AsyncSession) -> str | None:
    """Compare the database's revision with the code's.

    Returns:
        None if they agree. A warning if the database is at a revision that this code does not have. During a deployment
        instances of the old code run on the new schema, and must be able to start.

    Raises:
        DatabaseBehindError: The database lacks revisions of this code.
    """
    async with session.begin():
        exists = (await session.execute(text("SELECT to_regclass('alembic_version')"))).scalar_one() is not None
        rows = await session.execute(text("SELECT version_num FROM alembic_version")) if exists else ()
        current = {str(row[0]) for row in rows}
    parents = read_revisions(_VERSIONS)
    heads = find_heads(parents)
    if unknown := current - parents.keys():
        return (
            f"the database is at {_join(unknown)}, which this code does not know: it is ahead of {_join(heads)}, "
            "or belongs to another project"
        )
    if current != heads:
        raise DatabaseBehindError(current, heads)
    return None


def read_revisions(folder: Path) -> dict[str, frozenset[str]]:
    """Return the revisions of a folder, each with its parents and dependencies.

    The files are parsed and not run, because Alembic's own reader takes a second at each start.
    """
    revisions: dict[str, frozenset[str]] = {}
    for path in folder.glob("*.py"):
        values = _assignments(ast.parse(path.read_bytes()))
        if isinstance(revision := values.get("revision"), str):
            revisions[revision] = _names(values.get("down_revision")) | _names(values.get("depends_on"))
    return revisions


def find_heads(parents: dict[str, frozenset[str]]) -> frozenset[str]:
    """Return the revisions that no other revision follows."""
    return frozenset(parents) - frozenset().union(*parents.values())


def _assignments(module: ast.Module) -> dict[str, object]:
    values: dict[str, object] = {}
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign):
            targets: list[ast.expr] = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in {"revision", "down_revision", "depends_on"}:
                values[target.id] = ast.literal_eval(statement.value) if statement.value is not None else None
    return values


def _names(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(value) if isinstance(value, tuple | list) else frozenset()


def _join(revisions: Collection[str]) -> str:
    return ", ".join(sorted(revisions)) or "no revision"
