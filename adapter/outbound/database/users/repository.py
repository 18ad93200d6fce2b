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
        session: In whose transaction everything happens.
    """

    session: AsyncSession

    async def find(self, email: str, *, for_change: bool = False) -> User | None:
        """Return the user with this normalized address, living or deleted."""
        query = (
            select(rows.User, rows.Profile)
            .outerjoin(rows.Profile, rows.Profile.user_id == rows.User.id)
            .where(rows.User.email == email)
            .execution_options(populate_existing=True)
        )
        if for_change:
            query = query.with_for_update(of=rows.User)
        found = (await self.session.execute(query)).one_or_none()
        return None if found is None else to_user(found[0], found[1])

    async def add(self, user: User) -> bool:
        """Store a user and their profile; give False, and store nothing, when the address is taken."""
        return await self.add_many([user]) == 1

    async def add_many(self, users: Sequence[User]) -> int:
        """Store users and their profiles at once; skip those whose address is taken, and give how many were stored."""
        if not users:
            return 0
        # In the order of the unique key: two writers wait for each other, and never crosswise.
        values = [to_user_values(user) for user in sorted(users, key=lambda user: user.email)]
        skip = insert_or_skip(rows.User).on_conflict_do_nothing(index_elements=["email"]).returning(rows.User.id)
        stored = set((await self.session.execute(skip, values)).scalars())
        profiles = [to_profile_values(user) for user in users if user.id in stored]
        if profiles:
            await self.session.execute(insert(rows.Profile), profiles)
        return len(stored)

    async def save(self, user: User) -> None:
        """Store what changed of a user; the profile stays as it is."""
        values = {key: value for key, value in to_user_values(user).items() if key != "id"}
        await self.session.execute(update(rows.User).where(rows.User.id == user.id).values(values))

    async def locales(self) -> Sequence[str]:
        """Return the tags of the languages that the application speaks."""
        return (await self.session.scalars(select(rows.Locale.code).order_by(rows.Locale.code))).all()
