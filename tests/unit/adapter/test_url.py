"""Database URLs: every usual spelling in, what each driver wants out, and no password in what is printed."""

import pytest

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import redact
from adapter.outbound.postgres.url import DatabaseURL


@pytest.mark.parametrize(
    "scheme",
    ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"],
)
def test_schemes(scheme: str) -> None:
    """The driver of the URL does not matter: each user gets its own."""
    url = DatabaseURL.parse(f"{scheme}://ana:secret@db.example:5433/shop")

    assert url.libpq == "postgresql://ana:secret@db.example:5433/shop"
    assert url.asyncpg_arguments == {"dsn": "postgresql://ana:secret@db.example:5433/shop"}


@pytest.mark.parametrize(
    ("given", "libpq", "asyncpg"),
    [
        ("h/d?ssl=require", "h/d?sslmode=require", {"dsn": "postgresql://h/d?sslmode=require"}),
        ("h/d?ssl=true", "h/d?sslmode=require", {"dsn": "postgresql://h/d?sslmode=require"}),
        ("h/d?sslmode=disable", "h/d?sslmode=disable", {"dsn": "postgresql://h/d?sslmode=disable"}),
        (
            "h/d?connect_timeout=3&keepalives=1",
            "h/d?connect_timeout=3&keepalives=1",
            {"dsn": "postgresql://h/d", "timeout": 3.0},
        ),
        ("h/d?statement_cache_size=0", "h/d", {"dsn": "postgresql://h/d", "statement_cache_size": 0}),
        (
            "h/d?options=-c%20lock_timeout%3D1s",
            "h/d?options=-c%20lock_timeout%3D1s",
            {"dsn": "postgresql://h/d?options=-c%20lock_timeout%3D1s"},
        ),
        ("/d?host=/run/pg", "/d?host=/run/pg", {"dsn": "postgresql:///d?host=%2Frun%2Fpg"}),
        (
            "/d?host=a:1&host=b",
            "/d?host=a,b&port=1,5432",
            {"dsn": "postgresql:///d?host=a%2Cb&port=1%2C5432"},
        ),
        ("a:1,b:2/d", "a:1,b:2/d", {"dsn": "postgresql://a:1,b:2/d"}),
        ("[::1]:5433/d", "[::1]:5433/d", {"dsn": "postgresql://[::1]:5433/d"}),
        ("u:p%40ss%2F@h/d", "u:p%40ss%2F@h/d", {"dsn": "postgresql://u:p%40ss%2F@h/d"}),
    ],
)
def test_parameters(given: str, libpq: str, asyncpg: dict[str, object]) -> None:
    """Parameters reach each driver under the name that it knows, and not the driver that does not know them."""
    url = DatabaseURL.parse(f"postgresql://{given}")

    assert url.libpq == f"postgresql://{libpq}"
    assert url.asyncpg_arguments == asyncpg


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mysql://h/d", "'mysql'"),
        ("sqlite:///file.db", "'sqlite'"),
        ("postgresql+pg8000://h/d", "'pg8000'"),
        ("just-a-name", "no scheme"),
        ("postgresql://u:p/a@h/d", "cannot be read"),
        ("postgresql://h:port/d", "cannot be read"),
        ("postgresql://h/d?x", "cannot be read"),
        ("postgresql://h/d?statement_cache_size=none", "not a number"),
    ],
)
def test_what_is_refused(given: str, message: str) -> None:
    """A URL that cannot work is refused with what is wrong and what to write, and never with the password."""
    with pytest.raises(DatabaseConfigurationError, match=message) as caught:
        DatabaseURL.parse(given)

    assert caught.value.hint
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("given", ['"{}"', "'{}'", "DATABASE_URL={}", "export DATABASE_URL={}", "psql '{}'"])
def test_something_before_the_url(given: str) -> None:
    """A URL with quotation marks, or with the name of its variable, is called that, and its source is named."""
    with pytest.raises(DatabaseConfigurationError, match="something before postgresql://") as caught:
        DatabaseURL.parse(given.format("postgresql://u:s3cret@h/d"), source="the file x")

    assert "Take it out of the file x" in caught.value.hint
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("postgresql://ana:s3cret@h:5432/d", "postgresql://ana:***@h:5432/d"),
        ("postgresql://ana@h/d", "postgresql://ana@h/d"),
        ("postgresql:///d?user=ana&password=s3cret&host=h", "postgresql:///d?user=ana&password=***&host=h"),
        ("postgresql://h/d?sslpassword=s3cret", "postgresql://h/d?sslpassword=***"),
        ("postgresql://:s3cret@h/d", "postgresql://:***@h/d"),
        ("postgresql://ana:p%40s3cret@a:1,b:2/d", "postgresql://ana:***@a:1,b:2/d"),
    ],
)
def test_printed_without_password(url: str, printed: str) -> None:
    """Whatever prints a URL prints it without its password."""
    assert redact(url) == printed
    assert "s3cret" not in f"{DatabaseURL.parse(url)} {DatabaseURL.parse(url)!r}"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://h/shop", "shop"),
        ("postgresql://h/a%20b", "a b"),
        ("postgresql://h/?dbname=shop", "shop"),
        ("postgresql://h", ""),
    ],
)
def test_name_of_the_database(url: str, name: str) -> None:
    """The name of the database is found in the path and in the parameters, decoded."""
    assert DatabaseURL.parse(url).database == name


def test_other_database_of_the_same_server() -> None:
    """Another database keeps everything else of the URL."""
    url = DatabaseURL.parse("postgresql://u:p@h/d?sslmode=require&dbname=x&statement_cache_size=0")

    other = url.with_database("e f")

    assert other.libpq == "postgresql://u:p@h/e%20f?sslmode=require"
    assert other.asyncpg_arguments["statement_cache_size"] == 0


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("pgbouncer=true", "parameter pgbouncer is one of Prisma"),
        ("pool_size=5", "parameter pool_size is one of SQLAlchemy's engine"),
        ("nobody_knows=1", "parameter number 1 is none that libpq or asyncpg knows"),
        ("connect_timeout=soon", "parameter connect_timeout is not a whole number"),
        ("sslmode=always", "parameter sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"),
        ("target_session_attrs=rw", "parameter target_session_attrs is none of any, read-write"),
    ],
)
def test_parameters_that_nobody_here_knows(parameter: str, said: str) -> None:
    """A parameter of another tool is named, with what takes it out; a name that could be a secret is only counted."""
    with pytest.raises(DatabaseConfigurationError, match=said) as caught:
        DatabaseURL.parse(f"postgresql://u:p@db.example.com/shop?{parameter}")
    assert caught.value.hint.startswith("Correct it in DATABASE_URL or take it out of the URL")


def test_settings_of_the_session() -> None:
    """The parameter that hints name for settings of the session is one that a URL may have."""
    with pytest.raises(DatabaseConfigurationError) as caught:
        DatabaseURL.parse("postgresql://h/d?pool_size=5")
    parameter = caught.value.hint.split()[-1].rstrip(".")

    assert parameter == "options=-c%20NAME%3DVALUE"
    assert DatabaseURL.parse(f"postgresql://h/d?{parameter}").parameter("options") == "-c NAME=VALUE"
