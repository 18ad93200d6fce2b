"""Errors of the users context."""

from collections.abc import Sequence

from domain.errors import DomainError


class EmailTakenError(DomainError):
    """Another user, deleted or not, has this address.

    Attributes:
        email: The address.
    """

    def __init__(self, email: str) -> None:
        super().__init__(f"{email} is already registered", "register another address, or restore the deleted user")
        self.email = email


class UnknownLocaleError(DomainError):
    """A language that the application does not support.

    Attributes:
        locale: The unknown language tag.
        known: The language tags that exist.
    """

    def __init__(self, locale: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no locale {locale!r}", f"use one of: {', '.join(known) or 'none exists yet'}")
        self.locale = locale
        self.known = tuple(known)


class UserMayNotOrderError(DomainError):
    """A user who is deleted, pending or inactive may not order.

    Attributes:
        email: Address of the user.
        state: State of the user: deleted, pending or inactive.
    """

    def __init__(self, email: str, state: str) -> None:
        super().__init__(f"user {email} is {state} and may not order", "only active users order")
        self.email = email
        self.state = state
