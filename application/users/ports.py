"""What the use cases of users need from outside."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from domain.users.user import User


class Users(Protocol):
    """The users there are, deleted ones included."""

    @abstractmethod
    async def find(self, email: str, *, for_change: bool = False) -> User | None:
        """Return the user with this normalized address, living or deleted.

        Args:
            email: The normalized address.
            for_change: Keep others from changing the user until the transaction ends.
        """

    @abstractmethod
    async def add(self, user: User) -> bool:
        """Store a user and their profile; give False, and store nothing, when the address is taken."""

    @abstractmethod
    async def add_many(self, users: Sequence[User]) -> int:
        """Store users and their profiles at once; skip those whose address is taken, and give how many were stored."""

    @abstractmethod
    async def save(self, user: User) -> None:
        """Store what changed of a user; the profile stays as it is."""

    @abstractmethod
    async def locales(self) -> Sequence[str]:
        """Return the tags of the languages that the application speaks."""
