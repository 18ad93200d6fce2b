"""The transaction of a use case, on the session that its repositories share."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from application.transaction import Transaction


@dataclass(frozen=True)
class SessionTransaction(Transaction):
    """Opens transactions on behalf of an actor, whom the audit trail records.

    Attributes:
        session: The session, which the repositories share.
        actor: The name that the audit trail records.
    """

    session: AsyncSession
    actor: str

    def __call__(self) -> AbstractAsyncContextManager[None]:
        """Return a context that commits at its end and rolls back after an exception."""
        return self._block()

    @asynccontextmanager
    async def _block(self) -> AsyncIterator[None]:
        async with self.session.begin():
            # The setting lasts for this transaction only (third argument), because the connection returns to the pool.
            await self.session.execute(select(func.set_config("app.actor", self.actor, True)))
            yield
