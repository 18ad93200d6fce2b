"""Rules of users and profiles."""

import datetime as dt

import pytest

from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError
from domain.users.errors import UnknownLocaleError, UserMayNotOrderError
from domain.users.user import Profile, User, UserStatus

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)


def test_email_is_normalized() -> None:
    """An address is stored trimmed and in lower case, however it was typed."""
    assert User.register("  Ana@Example.ORG ", "Ana").email == "ana@example.org"


@pytest.mark.parametrize("email", ["", "ana", "ana@", "@example.org", "a b@example.org", "ana@example", "a@b@c.org"])
def test_invalid_email_is_refused(email: str) -> None:
    """What is no address registers nobody, and the error names field and value."""
    with pytest.raises(InvalidValueError) as refused:
        User.register(email, "Ana")
    assert (refused.value.field, refused.value.value) == ("email", email)


@pytest.mark.parametrize("age", [-1, 0, 17, 151])
def test_minors_are_refused(age: int) -> None:
    """Users are 18 or older."""
    with pytest.raises(InvalidValueError, match="age"):
        User.register("ana@example.org", "Ana", age)


def test_adults_are_accepted() -> None:
    """Eighteen is old enough, and the age need not be told."""
    assert User.register("ana@example.org", "Ana", 18).age == 18
    assert User.register("ana@example.org", "Ana").age is None


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_invalid_name_is_refused(name: str) -> None:
    """A name has 1 to 100 characters."""
    with pytest.raises(InvalidValueError, match="name"):
        User.register("ana@example.org", name)


def test_invalid_avatar_is_refused() -> None:
    """A picture has an address of the web."""
    with pytest.raises(InvalidValueError, match="avatar_url"):
        Profile(avatar_url="file:///etc/passwd")


def test_the_longest_values_are_accepted() -> None:
    """Address, name, age and picture may be as long as their columns hold, and no longer."""
    email = f"{'a' * 243}@example.org"
    user = User.register(email, "x" * 100, 150)
    assert (len(user.email), len(user.name), user.age) == (255, 100, 150)
    picture = f"https://{'p' * 492}"
    assert Profile(avatar_url=picture).avatar_url == picture
    with pytest.raises(InvalidValueError, match="email"):
        User.register(f"a{email}", "Ana")
    with pytest.raises(InvalidValueError, match="avatar_url"):
        Profile(avatar_url=f"{picture}p")


def test_entity_refuses_an_address_that_is_not_normalized() -> None:
    """No user exists with an address under which they would not be found."""
    user = User.register("ana@example.org", "Ana")
    with pytest.raises(InvalidValueError, match="email"):
        User(user.id, "Ana@example.org", "Ana")


def test_soft_delete_and_restore() -> None:
    """Deleting twice and restoring the living are refused."""
    user = User.register("ana@example.org", "Ana")
    deleted = user.delete(NOW)
    assert deleted.deleted_at == NOW
    assert deleted.restore() == user
    with pytest.raises(AlreadyDeletedError):
        deleted.delete(NOW)
    with pytest.raises(NotDeletedError):
        user.restore()


def test_only_active_living_users_order() -> None:
    """Deleted, pending and inactive users do not order."""
    user = User.register("ana@example.org", "Ana")
    user.check_may_order()
    with pytest.raises(UserMayNotOrderError, match="deleted"):
        user.delete(NOW).check_may_order()
    with pytest.raises(UserMayNotOrderError, match="pending"):
        User(user.id, user.email, user.name, status=UserStatus.PENDING).check_may_order()


def test_an_unknown_locale_names_the_others() -> None:
    """The hint lists the languages that exist, or says that there are none."""
    error = UnknownLocaleError("xx", ["de", "en"])
    assert (error.locale, error.known) == ("xx", ("de", "en"))
    assert error.hint == "use one of: de, en"
    assert UnknownLocaleError("xx", []).hint == "use one of: none exists yet"
