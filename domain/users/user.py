"""A user and their profile."""

import datetime as dt
import enum
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError
from domain.users.errors import UserMayNotOrderError

MINIMUM_AGE = 18
_MAXIMUM_AGE = 150
_EMAIL_LENGTH = 255
_NAME_LENGTH = 100
_AVATAR_LENGTH = 500
# One @, no blanks, a dot in the domain, and no part of a URL. Only a sent message can verify more than that.
_EMAIL = re.compile(r"[^@\s:]+@[^@\s.:/]+(?:\.[^@\s.:/]+)+")


class UserStatus(enum.Enum):
    """The status of a user; only active users may act."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING = "PENDING"


def normalize_email(email: str) -> str:
    """Return an address in the form in which it is stored and looked up: trimmed and in lower case.

    Raises:
        InvalidValueError: The text is not an address.
    """
    normal = email.strip().lower()
    if not _EMAIL.fullmatch(normal) or len(normal) > _EMAIL_LENGTH:
        raise InvalidValueError("email", email, f"write name@domain.tld, at most {_EMAIL_LENGTH} characters")
    return normal


@dataclass(frozen=True)
class Profile:
    """The profile of a user.

    Attributes:
        bio: Free text about the user.
        avatar_url: URL of a picture, http or https.
        locale: BCP 47 tag of the user's language.
        preferences: Settings of the user interface.

    Raises:
        InvalidValueError: The URL of the picture is not valid.
    """

    bio: str | None = None
    avatar_url: str | None = None
    locale: str = "en"
    preferences: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the rules of the fields."""
        url = self.avatar_url
        if url is not None and (not url.startswith(("https://", "http://")) or len(url) > _AVATAR_LENGTH):
            raise InvalidValueError("avatar_url", url, f"write an http(s) address, at most {_AVATAR_LENGTH} characters")


@dataclass(frozen=True)
class User:
    """A person who can sign in and order.

    Attributes:
        id: Identity of the user.
        email: Normalized address, by which people identify the user.
        name: Name as the user writes it.
        age: Age at registration, in years; None if it is not known.
        status: Status of the user; only active users may act.
        profile: Profile of the user.
        deleted_at: Time of the deletion; None if the user is not deleted.

    Raises:
        InvalidValueError: A field violates its rule.
    """

    id: uuid.UUID
    email: str
    name: str
    age: int | None = None
    status: UserStatus = UserStatus.ACTIVE
    profile: Profile = field(default_factory=Profile)
    deleted_at: dt.datetime | None = None

    def __post_init__(self) -> None:
        """Check the rules of the fields."""
        if self.email != normalize_email(self.email):
            raise InvalidValueError("email", self.email, "normalize the address first")
        if not self.name.strip() or len(self.name) > _NAME_LENGTH:
            raise InvalidValueError("name", self.name, f"write 1 to {_NAME_LENGTH} characters")
        if self.age is not None and not MINIMUM_AGE <= self.age <= _MAXIMUM_AGE:
            raise InvalidValueError("age", self.age, f"users are {MINIMUM_AGE} or older")

    @classmethod
    def register(cls, email: str, name: str, age: int | None = None, profile: Profile | None = None) -> Self:
        """Return a new, active user.

        Raises:
            InvalidValueError: A field violates its rule.
        """
        return cls(uuid.uuid4(), normalize_email(email), name.strip(), age, profile=profile or Profile())

    def delete(self, at: dt.datetime) -> Self:
        """Return the user, marked as deleted at that time.

        Raises:
            AlreadyDeletedError: The user is deleted already.
        """
        if self.deleted_at is not None:
            raise AlreadyDeletedError("user", self.email)
        return replace(self, deleted_at=at)

    def restore(self) -> Self:
        """Return the user, no longer marked as deleted.

        Raises:
            NotDeletedError: The user is not deleted.
        """
        if self.deleted_at is None:
            raise NotDeletedError("user", self.email)
        return replace(self, deleted_at=None)

    def check_may_order(self) -> None:
        """Raise an error if the user may not order.

        Raises:
            UserMayNotOrderError: The user is deleted or not active.
        """
        if self.deleted_at is not None:
            raise UserMayNotOrderError(self.email, "deleted")
        if self.status is not UserStatus.ACTIVE:
            raise UserMayNotOrderError(self.email, self.status.value.lower())
