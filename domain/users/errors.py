"""What the users context refuses."""

from collections.abc import Sequence

from domain.errors import DomainError


class EmailTakenError(DomainError):
    """Another user, living or deleted, has this address.

    Attributes:
        email: The address.
    """

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is already registered", "register another address, or restore the deleted user")
        self.email = email


class UnknownLocaleError(DomainError):
    """A language that the application does not speak.

    Attributes:
        locale: The tag that was asked for.
        known: The tags that exist.
    """

    def __init__(self, locale: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no locale {locale!r}", f"use one of: {', '.join(known) or 'none exists yet'}")
        self.locale = locale
        self.known = tuple(known)


class UserMayNotOrderError(DomainError):
    """A user who is deleted, pending or inactive does not order.

    Attributes:
        email: The user's address.
        state: Why: deleted, pending or inactive.
    """

    def __init__(self, email: str, state: str) -> None:
        super().__init__(f"user {email} is {state} and may not order", "only active users order")
        self.email = email
        self.state = state
