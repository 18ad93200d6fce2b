"""Extensions that the embedded Postgres 18 is built without."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox

pytestmark = pytest.mark.one_major


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[psycopg.Connection[Any]]:
    """A session of a sandbox's database with both extensions, each in a schema of its own."""
    with EmbeddedSandbox(18, tmp_path_factory.mktemp("extensions")) as sandbox:
        database = sandbox.create()
        sandbox.show(database)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA crypto; CREATE EXTENSION pgcrypto SCHEMA crypto")
            connection.execute('CREATE EXTENSION "uuid-ossp"; SET search_path = public, crypto')
            yield connection


def value(session: psycopg.Connection[Any], query: str, *arguments: object) -> Any:
    """Return the first value of a query."""
    row = session.execute(query.encode(), arguments).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_digests_are_those_of_other_programs(session: psycopg.Connection[Any], algorithm: str) -> None:
    """A text of any length, also beyond the algorithm's block, has the digest and the HMAC that Python computes."""
    for length in (0, 1, 55, 56, 64, 119, 120, 200):
        message, key = b"m" * length, b"k" * length
        digest = value(session, "SELECT digest(%s::bytea, %s)", message, algorithm)
        code = value(session, "SELECT hmac(%s::text, %s, %s)", message.decode(), key.decode(), algorithm)

        assert digest == hashlib.new(algorithm, message).digest()
        assert code == hmac.digest(key, message, algorithm)


def test_uuids_are_those_of_other_programs(session: psycopg.Connection[Any]) -> None:
    """UUIDs by name are those of Python; the others have the version that their function names."""
    assert value(session, "SELECT uuid_generate_v3(uuid_ns_url(), 'ab')") == uuid.uuid3(uuid.NAMESPACE_URL, "ab")
    assert value(session, "SELECT uuid_generate_v5(uuid_ns_dns(), 'ab')") == uuid.uuid5(uuid.NAMESPACE_DNS, "ab")
    for version, function in ((1, "uuid_generate_v1"), (1, "uuid_generate_v1mc"), (4, "uuid_generate_v4")):
        assert value(session, f"SELECT {function}()").version == version


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("encrypt('text', 'key', 'aes')", "encrypt"),
        ("crypt('right', 'salt')", "crypt"),
        ("gen_salt('bf')", "gen_salt"),
        ("pgp_sym_encrypt('text', 'key')", "pgp_sym_encrypt"),
    ],
)
def test_what_is_not_there_is_said(session: psycopg.Connection[Any], call: str, name: str) -> None:
    """A function whose values SQL cannot compute refuses as something that this server does not have."""
    with pytest.raises(psycopg.errors.FeatureNotSupported, match=f"function {name} of pgcrypto is not available"):
        value(session, f"SELECT {call}")


def test_an_extension_moves_and_goes(session: psycopg.Connection[Any]) -> None:
    """Its functions work in another schema, and are dropped with it."""
    session.execute("CREATE SCHEMA other; ALTER EXTENSION pgcrypto SET SCHEMA other")
    assert value(session, "SELECT other.hmac('m'::text, 'k', 'sha256')") == hmac.digest(b"k", b"m", "sha256")
    session.execute("ALTER EXTENSION pgcrypto SET SCHEMA crypto; DROP EXTENSION pgcrypto; CREATE EXTENSION pgcrypto")
