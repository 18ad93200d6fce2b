"""Register a user together with their profile."""

from dataclasses import dataclass

from application.transaction import Transaction
from application.users.ports import Users
from domain.users.errors import EmailTakenError, UnknownLocaleError
from domain.users.user import Profile, User


@dataclass(frozen=True)
class RegisterUser:
    """Stores a new user and their profile, both or neither."""

    users: Users
    transaction: Transaction

    async def __call__(self, email: str, name: str, age: int | None = None, profile: Profile | None = None) -> User:
        """Register.

        Raises:
            InvalidValueError: A field breaks its rule.
            UnknownLocaleError: The profile's language does not exist.
            EmailTakenError: Somebody has the address.
        """
        user = User.register(email, name, age, profile)
        async with self.transaction():
            known = await self.users.locales()
            if user.profile.locale not in known:
                raise UnknownLocaleError(user.profile.locale, known)
            if not await self.users.add(user):
                raise EmailTakenError(user.email)
        return user
