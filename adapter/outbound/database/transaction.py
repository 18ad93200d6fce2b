"""The transaction of a use case, on the session that its repositories share."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from application.transaction import Transaction


@dataclass(frozen=True)
class SessionTransaction(Transaction):
    """Opens transactions in the name of a person, whom the audit trail records.

    Attributes:
        session: Shared with the repositories.
        actor: Who acts.
    """

    session: AsyncSession
    actor: str

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Return a block that commits at its end and rolls back when an exception leaves it."""
        return self._block()

    @asynccontextmanager
    async def _block(self) -> AsyncIterator[None]:
        async with self.session.begin():
            # Third argument: for this transaction only, as the connection goes back to the pool.
            await self.session.execute(select(func.set_config("app.actor", self.actor, True)))
            yield
