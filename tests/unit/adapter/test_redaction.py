"""Text without passwords: addresses, connection strings, statements, messages of drivers."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import guard_process, redact, shown
from adapter.outbound.postgres.url import DatabaseURL
from tests.secret_urls import MARKER, leaked, passwords, urls
from tests.support import process_environment

# Each spelling of a literal that Postgres knows (manual, 4.1.2), around a password.
LITERALS: tuple[Callable[[str], str], ...] = (
    lambda text: "'" + text.replace("'", "''") + "'",
    lambda text: "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'",
    lambda text: "U&'" + text.replace("\\", "\\\\").replace("'", "''") + "'",
    lambda text: f"$${text.replace('$', '')}$$",
    lambda text: f"$secret${text.replace('$', '')}$secret$",
    lambda text: "'a'\n'" + text.replace("'", "''") + "'",
)
STATEMENTS = (
    "CREATE ROLE ana LOGIN PASSWORD {} VALID UNTIL '2030-01-01'",
    "create user ana encrypted password {}",
    "ALTER ROLE ana PASSWORD /* a comment */ {};",
    "ALTER USER ana WITH ENCRYPTED PASSWORD -- a comment\n {}",
    "CREATE USER MAPPING FOR ana SERVER there OPTIONS (user 'ana', password {})",
    "ALTER USER MAPPING FOR ana SERVER there OPTIONS (SET password {}, ADD sslpassword {})",
    "UPDATE users SET password = {} WHERE id = 1",
)
NESTED = (
    "CREATE SUBSCRIPTION s CONNECTION {} PUBLICATION p",
    "SELECT dblink_connect('there', {})",
    "SELECT * FROM dblink({}, 'SELECT 1') AS t (a int)",
    "DO $body$ BEGIN PERFORM dblink_exec({}, 'DROP TABLE t'); END $body$",
)


@given(text=passwords(), literal=st.sampled_from(LITERALS), statement=st.sampled_from(STATEMENTS))
@settings(max_examples=250, derandomize=True, database=None, deadline=None)
def test_statements(text: str, literal: Callable[[str], str], statement: str) -> None:
    """A password in a statement is hidden in each spelling of a literal; the rest of the statement stays."""
    said = redact(statement.replace("{}", literal(text)))

    assert not leaked(said), said
    assert said.startswith(statement.partition("{}")[0][:12])


@given(text=passwords(), statement=st.sampled_from(NESTED))
@settings(max_examples=150, derandomize=True, database=None, deadline=None)
def test_connection_strings_in_statements(text: str, statement: str) -> None:
    """A connection string in a literal, its quotes doubled or escaped, is hidden as it would be outside."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = f"host=there password='{escaped}' dbname=shop"
    for literal in LITERALS[:2]:
        said = redact(statement.replace("{}", literal(conninfo)))
        assert not leaked(said), said


@pytest.mark.parametrize(
    "text",
    [
        "DO $$ BEGIN EXECUTE 'CREATE ROLE a PASSWORD ''{}'''; END $$",
        "DO $$ BEGIN EXECUTE 'CREATE ROLE a PASSWORD ' || quote_literal('{}'); END $$",
        "SELECT format('ALTER ROLE %I PASSWORD %L', 'a', '{}')",
        "CREATE ROLE a PASSWORD {}",
        "CREATE ROLE a PASSWORD '{}",
        "[SQL: CREATE ROLE a PASSWORD %(word)s]\n[parameters: {{'word': '{}'}}]",
        "[SQL: UPDATE a SET password=%(password)s]\n[parameters: {{'password': '{}'}}]",
        '{{"user": "ana", "password": "{}"}}',
        "settings:\n  password: {}\n  port: 5432",
        "PGPASSWORD={} psql",
        'missing "=" after "{}" in connection info string',
        'invalid percent-encoded token: "ana:%zz{}"',
        'invalid URI query parameter: "{}"',
        'could not translate host name "a@{}" to address: Name or service not known',
        "ValueError: invalid literal for int() with base 10: '{}'",
        "ValueError: Port could not be cast to integer value as '{}'",
        "connecting to redis://:{}@cache:6379/0 and amqp://ana:{}@queue",
    ],
)
def test_messages(text: str) -> None:
    """What is put together at run time, written by hand, or quoted by a driver is hidden, too."""
    assert not leaked(redact(text.format(MARKER, MARKER) if text.count("{}") > 1 else text.format(MARKER)))


@pytest.mark.parametrize(
    "text",
    [
        "Write it as postgresql://user:password@host:5432/database; percent-encode : / ? # @ in the password.",
        "No Postgres server answers at postgresql://ana@db.example:5432/shop; write to ana@example.org.",
        'password authentication failed for user "ana"',
        "wrong password: the server refused",
        "CREATE TABLE users (id int, password text NOT NULL CHECK (password <> ''::text))",
        "UPDATE users SET password = NULL WHERE password = $1 AND id = $2",
        "INSERT INTO users VALUES ($1) ON CONFLICT (id) DO UPDATE SET password = excluded.password, name = $2",
        "SELECT tags::text[] @> ARRAY['a'], words::tsvector @@ query, words::tsvector@@query",
        'op.add_column("users", sa.Column("password", sa.String(), nullable=False))',
        "https://en.wikipedia.org/wiki/Penicillin, mail ana@example.org at 10:30",
        "CREATE ROLE ana PASSWORD NULL",
        '{"password": null}',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Columns of that name, placeholders, addresses without a password, and our own hints are shown as they are."""
    assert redact(text) == text


@pytest.mark.parametrize("given_text", ["ana@example.org", "Ben & Jerry's 50% off?", "head-2:head", "folder/x=1.sql"])
def test_arguments_that_are_no_addresses(given_text: str) -> None:
    """A message goes on quoting an argument that is a mail address, a name, a range or a file."""
    assert redact(f"there is no {given_text}", [given_text]) == f"there is no {given_text}"
    assert shown(given_text) == given_text


@given(url=urls())
@settings(max_examples=300, derandomize=True, database=None, deadline=None)
def test_arguments_that_are_addresses(url: str) -> None:
    """An address where none belongs is not quoted, nor a folder that it was taken for."""
    for quoted in (url, repr(url), str(Path(url)), str(Path(url, "x.json").parent)):
        assert not leaked(redact(f"there is no file {quoted}.", [url, f"--option={url}"]))
    assert not leaked(shown(url))


def test_the_rest_stays() -> None:
    """Only the password goes: who, where and what is still said, and what was redacted stays the same."""
    said = redact(f"postgresql://ana:{MARKER}@a:1,b:2/shop?sslpassword={MARKER}&sslmode=require is down")
    assert said == "postgresql://ana:***@a:1,b:2/shop?sslpassword=***&sslmode=require is down"
    assert redact(said) == said
    statement = redact(f"CREATE ROLE ana PASSWORD '{MARKER}' VALID UNTIL 'infinity'; GRANT a TO ana")
    assert statement == "CREATE ROLE ana PASSWORD '***' VALID UNTIL 'infinity'; GRANT a TO ana"
    assert redact({"sql": [f"password={MARKER}"], "rows": 1, "user_password": True}) == {
        "sql": ["password=***"],
        "rows": 1,
        "user_password": True,
    }


def printed(url: str) -> str:
    """Return what is said of a URL: how it is printed, or why it is refused."""
    try:
        parsed = DatabaseURL.parse(url)
    except DatabaseConfigurationError as error:
        return str(error)
    return f"{parsed} {parsed!r} {redact(parsed.libpq)}"


@given(url=urls())
@settings(max_examples=400, derandomize=True, database=None, deadline=None)
@example(url=f"postgresql://ana:12/{MARKER}@h/d")
@example(url=f"postgresql://ana:12#{MARKER}@h/d")
@example(url=f"postgresql://ana:12?{MARKER}=x@h/d")
@example(url=f"postgresql://ana:p@{MARKER}@h/d")
@example(url=f"postgresql://ana:12345678{MARKER}/d")
def test_urls(url: str) -> None:
    """A URL is refused without a word of it, or means one thing and is printed without what is secret in it."""
    assert not leaked(printed(url))


@pytest.mark.exhaustive
@pytest.mark.long
@given(url=urls())
@settings(max_examples=5_000, derandomize=True, database=None, deadline=None)
def test_urls_by_the_thousand(url: str) -> None:
    """The same for very many."""
    assert not leaked(printed(url))


@given(text=passwords(), scheme=st.sampled_from(["postgresql", "postgres", "postgresql+asyncpg"]))
@settings(max_examples=200, derandomize=True, database=None, deadline=None)
def test_urls_in_text(text: str, scheme: str) -> None:
    """A URL that somebody else quotes is hidden up to its last @, with awkward characters in its password, too."""
    for sentence in ("{}", "cannot connect to {}: refused", "engine = create_engine('{}')", "(url {!r})"):
        said = redact(sentence.format(f"{scheme}://ana:{text}@127.0.0.1:1/shop"))
        assert not leaked(said), said


def test_logs(tmp_path: Path) -> None:
    """Log records and their tracebacks go through it, whoever writes them."""
    code = f"""
import logging
from adapter.outbound.postgres.redaction import guard_process
logging.basicConfig(level=logging.INFO)
guard_process()
guard_process()
logging.getLogger("sqlalchemy.engine").info("CREATE ROLE a PASSWORD %s", "'{MARKER}'")
try:
    raise ValueError("postgresql://ana:{MARKER}@h/d")
except ValueError:
    logging.exception("failed for password=%s", "{MARKER}")
raise RuntimeError("password='{MARKER}'")
"""
    script = tmp_path / "logs.py"  # tracebacks show lines of a file on every Python
    script.write_text(code, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, str(script)], env=process_environment(), capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr.count("***") == 6
    assert result.stderr.count("Traceback") == 2
    assert MARKER not in result.stderr


def test_logging_is_left_alone_without_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has an excepthook of its own keeps it."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(sys, "excepthook", print)
    guard_process()

    assert sys.excepthook is print


def test_an_input_of_several_values_with_blanks_around_them() -> None:
    """A command splits and strips what it gets, so that a message quotes a part of it, as it is or as Python has it."""
    url = "postgresql://ana:S3cret\n@127.0.0.1/shop?connect_timeout=S3cret"
    for argument in (f"{url}\n", f"repeat, {url} ,undo", f"--only={url}\n"):
        assert redact(f"there is no proof {url!r}", [argument]) == "there is no proof '…'"
        assert "S3cret" not in redact(f"there is no proof {url}", [argument])
