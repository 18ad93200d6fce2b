"""Connects to exactly the address that is given, whatever the variables of libpq in the environment say.

libpq reads `PGHOSTADDR`, `PGSERVICE` and their like for every parameter that is not given: with `PGHOSTADDR`, the
folder of a socket is only a name, and the connection leads to that address. Some variables cannot be overruled by a
parameter at all, so they are taken out of the environment for the moment of a connection.

Source: the Postgres manual, 32.15 Environment Variables, and 32.1.2 Parameter Key Words.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

_guard = threading.RLock()
_PREFIX = "PG"
# How to sign in and to encrypt: where nobody has said that in a URL, the environment may.
_SIGN_IN = re.compile(r"passfile|password|require_auth|channel_binding|krbsrvname|gss\w+|ssl\w+")


def connect(url: str = "", **parameters: Any) -> psycopg.Connection[Any]:
    """Open a session at the address of a URL, and nowhere else.

    Raises:
        psycopg.Error: The server cannot be reached or refuses.
    """
    with _without_variables():
        return psycopg.connect(url, **parameters)


@contextmanager
def closed_on_failure(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Close a session if the block that prepares it fails; otherwise leave it open."""
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def with_sign_in(url: str) -> str:
    """Return a URL with what the environment says of signing in and of encryption, where the URL says nothing of it."""
    try:
        options = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whoever uses the URL says what is wrong, without the password in it
        return url
    more = {
        option.keyword.decode(): os.environ[option.envvar.decode()]
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
        and option.envvar.decode() in os.environ
        and option.keyword.decode() not in options
        and _SIGN_IN.fullmatch(option.keyword.decode())
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more, quote_via=quote)}" if more else url


@contextmanager
def _without_variables() -> Iterator[None]:
    if not any(name.startswith(_PREFIX) for name in os.environ):
        yield
        return
    with _guard:
        variables = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        for name in variables:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(variables)
