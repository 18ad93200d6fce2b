"""Use cases of users."""

import asyncio

import pytest

from application.users.delete_user import DeleteUser
from application.users.register_user import RegisterUser
from application.users.restore_user import RestoreUser
from domain.errors import AlreadyDeletedError, NotDeletedError, NotFoundError
from domain.users.errors import EmailTakenError, UnknownLocaleError
from domain.users.user import Profile
from tests.unit.application.fakes import FakeTransaction, FakeUsers


def test_register_stores_user_and_profile() -> None:
    """Who registers is stored under the normalized address, profile included."""
    users = FakeUsers()
    register = RegisterUser(users, FakeTransaction(users))
    asyncio.run(register("Ana@Example.org", "Ana", 30, Profile(locale="es")))
    assert users.stored["ana@example.org"].profile.locale == "es"


def test_register_refuses_a_taken_address() -> None:
    """An address registers once, in whatever spelling, also while its user is deleted."""
    users = FakeUsers()
    transaction = FakeTransaction(users)
    register = RegisterUser(users, transaction)
    asyncio.run(register("ana@example.org", "Ana"))
    asyncio.run(DeleteUser(users, transaction)("ana@example.org"))
    with pytest.raises(EmailTakenError):
        asyncio.run(register(" ANA@example.org", "Other"))


def test_register_refuses_an_unknown_locale() -> None:
    """A profile's language is one that exists, and the error names those."""
    users = FakeUsers()
    with pytest.raises(UnknownLocaleError) as refused:
        asyncio.run(RegisterUser(users, FakeTransaction(users))("a@b.org", "A", profile=Profile(locale="xx")))
    assert refused.value.known == ("en", "es")
    assert not users.stored


def test_delete_and_restore() -> None:
    """A user is deleted once, restored once, and must exist."""
    users = FakeUsers()
    transaction = FakeTransaction(users)
    delete, restore = DeleteUser(users, transaction), RestoreUser(users, transaction)
    asyncio.run(RegisterUser(users, transaction)("ana@example.org", "Ana"))
    asyncio.run(delete("ANA@example.org"))
    with pytest.raises(AlreadyDeletedError):
        asyncio.run(delete("ana@example.org"))
    asyncio.run(restore("ana@example.org"))
    with pytest.raises(NotDeletedError):
        asyncio.run(restore("ana@example.org"))
    for use_case in (delete, restore):
        with pytest.raises(NotFoundError):
            asyncio.run(use_case("nobody@example.org"))
