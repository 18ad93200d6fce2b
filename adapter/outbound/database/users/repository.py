"""Users in Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.database.users.mapper import to_profile_values, to_user, to_user_values
from adapter.outbound.database.users.models import sqlalchemy as rows
from application.users.ports import Users
from domain.users.user import User


@dataclass(frozen=True)
class UserRepository(Users):
    """Reads and writes users and their profiles.

    Attributes:
        session: The session in whose transaction everything runs.
    """

    session: AsyncSession

    async def find(self, email: str, *, for_change: bool = False) -> User | None:
        """Return the user with this normalized address, deleted or not, or None if there is none."""
        query = (
            select(rows.User, rows.Profile)
            .outerjoin(rows.Profile, rows.Profile.user_id == rows.User.id)
            .where(rows.User.email == email)
            .execution_options(populate_existing=True)
        )
        if for_change:
            query = query.with_for_update(of=rows.User)
        row = (await self.session.execute(query)).one_or_none()
        return None if row is None else to_user(row[0], row[1])

    async def add(self, user: User) -> bool:
        """Store a user and their profile; return False and store nothing if the address is taken."""
        return await self.add_many([user]) == 1

    async def add_many(self, users: Sequence[User]) -> int:
        """Store users and their profiles, skip those whose id or address is taken, and return how many were stored."""
        if not users:
            return 0
        # Inserting in the order of the unique key prevents deadlocks between two writers.
        values = [to_user_values(user) for user in sorted(users, key=lambda user: user.email)]
        # No key is named: of two writers of the same rows, the second one may meet the first at either key.
        statement = insert_or_skip(rows.User).on_conflict_do_nothing().returning(rows.User.id)
        stored_ids = set((await self.session.execute(statement, values)).scalars())
        profiles = [to_profile_values(user) for user in users if user.id in stored_ids]
        if profiles:
            await self.session.execute(insert(rows.Profile), profiles)
        return len(stored_ids)

    async def save(self, user: User) -> None:
        """Store the changes of a user without the profile."""
        values = {key: value for key, value in to_user_values(user).items() if key != "id"}
        await self.session.execute(update(rows.User).where(rows.User.id == user.id).values(values))

    async def locales(self) -> Sequence[str]:
        """Return the tags of the languages of the application."""
        return (await self.session.scalars(select(rows.Locale.code).order_by(rows.Locale.code))).all()
