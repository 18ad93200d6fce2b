"""Users on a real server."""

import pytest

from adapter.bootstrap.backend import Backend
from domain.errors import AlreadyDeletedError
from domain.users.errors import EmailTakenError, UnknownLocaleError
from domain.users.user import Profile, User
from tests.integration.backends import act, act_at_once, rows


def test_register_writes_user_and_profile(migrated_url: str) -> None:
    """User and profile are there, the user is active, and the audit trail names who acted."""
    profile = Profile("likes tea", "https://example.org/a.png", "es", {"theme": "dark"})
    act(migrated_url, lambda backend: backend.register_user("Ana@Example.org", "Ana Ruiz", 30, profile), "carla")
    query = """
        SELECT u.email, u.age, u.status::text, u.is_deleted, p.bio, p.locale, p.preferences
        FROM users u JOIN profiles p ON p.user_id = u.id
    """
    assert rows(migrated_url, query) == [("ana@example.org", 30, "ACTIVE", False, "likes tea", "es", {"theme": "dark"})]
    events = rows(migrated_url, "SELECT actor, table_name, operation FROM audit_events ORDER BY table_name")
    assert events == [("carla", "profiles", "INSERT"), ("carla", "users", "INSERT")]


def test_register_twice_at_once(migrated_url: str) -> None:
    """Of eight who register the same address at the same time, one gets it and seven are told that it is taken."""

    async def registers(backend: Backend) -> User:
        return await backend.register_user("ana@example.org", "Ana")

    results = act_at_once(migrated_url, [registers] * 8)
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, EmailTakenError) for result in results) == 7
    assert rows(migrated_url, "SELECT count(*) FROM profiles") == [(1,)]


def test_unknown_locale_writes_nothing(migrated_url: str) -> None:
    """A profile in a language that does not exist registers nobody."""
    with pytest.raises(UnknownLocaleError):
        act(migrated_url, lambda backend: backend.register_user("a@b.org", "A", None, Profile(locale="tlh")))
    assert rows(migrated_url, "SELECT count(*) FROM users") == [(0,)]


def test_delete_and_restore(migrated_url: str) -> None:
    """Deleting keeps the row and its profile; of two who delete at once, one is refused; restoring brings all back."""
    act(migrated_url, lambda backend: backend.register_user("ana@example.org", "Ana", None, Profile(locale="es")))

    async def deletes(backend: Backend) -> User:
        return await backend.delete_user("ana@example.org")

    results = act_at_once(migrated_url, [deletes] * 2)
    assert sorted(type(result).__name__ for result in results) == [AlreadyDeletedError.__name__, User.__name__]
    assert rows(migrated_url, "SELECT is_deleted FROM users") == [(True,)]
    restored = act(migrated_url, lambda backend: backend.restore_user("ana@example.org"))
    assert (restored.deleted_at, restored.profile.locale) == (None, "es")
    assert rows(migrated_url, "SELECT is_deleted FROM users") == [(False,)]
