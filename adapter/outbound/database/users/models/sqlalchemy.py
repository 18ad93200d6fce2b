"""Tables of the users context."""

import enum
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, Enum, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from adapter.outbound.database.base import Base
from adapter.outbound.database.mixins import SoftDelete, Timestamps, UUIDKey


class UserStatus(enum.Enum):
    """The status of a user, which decides whether the user may act."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING = "PENDING"


class User(UUIDKey, Timestamps, SoftDelete, Base):
    """A person who can sign in and order."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("age >= 18", name="age"),
        # Lists of the newest users omit deleted ones.
        Index(None, "created_at", postgresql_where=text("deleted_at IS NULL")),
        {"comment": "People who can sign in and order"},
    )

    email: Mapped[str] = mapped_column(String(255), unique=True, comment="Address, lower case; identifies the user")
    name: Mapped[str] = mapped_column(String(100), comment="Name as the user writes it")
    age: Mapped[int | None] = mapped_column(comment="Age in years when the user registered; null when not told")
    status: Mapped[UserStatus] = mapped_column(
        Enum(UserStatus, name="userstatus"), server_default=text("'PENDING'"), comment="Whether the user may act"
    )


class Locale(Base):
    """A language of the application: reference data, which revisions write."""

    __tablename__ = "locales"
    __table_args__ = ({"comment": "Languages the application speaks; reference data, written by revisions"},)

    code: Mapped[str] = mapped_column(String(10), primary_key=True, comment="BCP 47 language tag")
    name: Mapped[str] = mapped_column(String(50), unique=True, comment="Name of the language in that language")


class Profile(UUIDKey, Timestamps, Base):
    """The profile of a user; each user has one."""

    __tablename__ = "profiles"
    __table_args__ = ({"comment": "What a user tells of themselves; one for each user"},)

    user_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), unique=True, comment="The user; the profile goes with them"
    )
    bio: Mapped[str | None] = mapped_column(comment="Free text")
    avatar_url: Mapped[str | None] = mapped_column(String(500), comment="Address of a picture")
    locale: Mapped[str] = mapped_column(
        String(10),
        ForeignKey("locales.code", ondelete="RESTRICT"),
        index=True,
        server_default=text("'en'"),
        comment="Language the user reads",
    )
    preferences: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'::jsonb"), comment="Settings of the user interface"
    )
