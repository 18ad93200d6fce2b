"""Conversion between rows and entities of the users context."""

from adapter.outbound.database.users.models import sqlalchemy as rows
from domain.users.user import Profile, User, UserStatus


def to_user(row: rows.User, profile: rows.Profile | None) -> User:
    """Return the entity of a user from the user's row and the profile's row, if there is one."""
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        age=row.age,
        status=UserStatus[row.status.name],
        profile=Profile() if profile is None else to_profile(profile),
        deleted_at=row.deleted_at,
    )


def to_profile(row: rows.Profile) -> Profile:
    """Return the profile from its row."""
    return Profile(row.bio, row.avatar_url, row.locale, row.preferences)


def to_user_values(user: User) -> dict[str, object]:
    """Return the values of a user's row by column."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "age": user.age,
        "status": rows.UserStatus[user.status.name],
        "deleted_at": user.deleted_at,
    }


def to_profile_values(user: User) -> dict[str, object]:
    """Return the values of a profile's row by column."""
    return {
        "user_id": user.id,
        "bio": user.profile.bio,
        "avatar_url": user.profile.avatar_url,
        "locale": user.profile.locale,
        "preferences": dict(user.profile.preferences),
    }
