"""The use case that registers a user with their profile."""

from dataclasses import dataclass

from application.transaction import Transaction
from application.users.ports import Users
from domain.users.errors import EmailTakenError, UnknownLocaleError
from domain.users.user import Profile, User


@dataclass(frozen=True)
class RegisterUser:
    """The use case that stores a new user and their profile, both or neither."""

    users: Users
    transaction: Transaction

    async def __call__(self, email: str, name: str, age: int | None = None, profile: Profile | None = None) -> User:
        """Store a new user and return them.

        Raises:
            InvalidValueError: A field violates its rule.
            UnknownLocaleError: The application does not support the language of the profile.
            EmailTakenError: Another user has the address.
        """
        user = User.register(email, name, age, profile)
        async with self.transaction():
            known_locales = await self.users.locales()
            if user.profile.locale not in known_locales:
                raise UnknownLocaleError(user.profile.locale, known_locales)
            if not await self.users.add(user):
                raise EmailTakenError(user.email)
        return user
