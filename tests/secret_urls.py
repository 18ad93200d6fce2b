"""Addresses of databases with a marker as password, well-formed and not, and the search for it in what came out."""

import re
from urllib.parse import quote

from hypothesis import assume
from hypothesis import strategies as st

# Letters and digits without a piece that a word, a hash or a revision could have.
MARKER = "qZ7vKx2WjT9mXfR4bNYs"
_PIECE = 6
_ENCODED = "".join(f"%{ord(letter):02X}" for letter in MARKER)
_PIECES = frozenset(text[at : at + _PIECE] for text in (MARKER, _ENCODED) for at in range(len(text) - _PIECE + 1))

# In the order of the complaints that libpq, asyncpg, urllib and SQLAlchemy have about each.
_AWKWARD = [
    *":/?#@[]% &=+,;'\"\\$|<>{}^`~\n\t",
    "@@",
    "://",
    "%zz",
    "%",
    "%4",
    "%00",
    "''",
    "?a=",
    "&b=",
    "ñ",
    "\u2028",
]
_SHAPES = (
    "{scheme}://ana:{password}@{host}/shop",
    "{scheme}://ana:{password}@{host}",
    "{scheme}://ana:{password}@{host}/shop?sslmode=disable&application_name=a",
    "{scheme}://:{password}@{host}/shop",
    "{scheme}://ana:{password}",
    "{scheme}://ana:{password}/shop",
    "{scheme}://ana@{host}/shop?password={password}",
    "{scheme}://{host}/shop?user=ana&password={password}&connect_timeout=2",
    "{scheme}://{host}/shop?sslpassword={password}&sslmode=disable",
    "{scheme}://{host}/shop?passfile={password}",
    "{scheme}:///shop?host=/nowhere&user=ana&password={password}",
    "{scheme}://{host}/shop?Password={password}",
    "{scheme}://ana:{password}@{host}/shop?{password}=1",
    "{scheme}://ana:{password}@{host}:{password}/shop",
    "{scheme}://ana:{password}@{host}/shop?connect_timeout={password}",
    "{scheme}://ana:{password}@{host}/shop?statement_cache_size={password}",
    "{scheme}://ana%3A{password}@{host}/shop",
    "{scheme}:/ana:{password}@{host}/shop",
    "{scheme}:ana:{password}@{host}/shop",
    "{scheme}+{password}://ana@{host}/shop",
    "{password}://ana:{password}@{host}/shop",
    "ana:{password}@{host}/shop",
    "//ana:{password}@{host}/shop",
    " {scheme}://ana:{password}@{host}/shop ",
    "'{scheme}://ana:{password}@{host}/shop'",
    "DATABASE_URL={scheme}://ana:{password}@{host}/shop",
    "host=127.0.0.1 port=1 user=ana password={password} dbname=shop",
    "host=127.0.0.1 port=1 user=ana password='{password}' dbname=shop",
    "password={password}",
    "127.0.0.1:1:shop:ana:{password}@",
    "jdbc:postgresql://{host}/shop?user=ana&password={password}",
)
_SCHEMES = [
    "postgresql",
    "postgresql",
    "postgres",
    "postgresql+asyncpg",
    "postgresql+psycopg2",
    "PostgreSQL",
    "mysql",
    "x",
]
_HOSTS = ["127.0.0.1:1", "127.0.0.1:1", "[::1]:1", "127.0.0.1:1,[::1]:2", "127.0.0.1:one", "[::1:1", "127.0.0.1:1@x"]


@st.composite
def passwords(draw: st.DrawFn) -> str:
    """Draw the marker as people write it: as it is, encoded, with awkward characters around it and in it."""
    kind = draw(st.sampled_from(["plain", "awkward", "awkward", "awkward", "quoted", "encoded", "digits"]))
    awkward = st.lists(st.sampled_from(_AWKWARD), max_size=2).map("".join)
    if kind == "plain":
        return MARKER
    if kind == "encoded":
        return _ENCODED
    if kind == "digits":  # what looks like a port
        return f"12{draw(st.sampled_from(_AWKWARD))}{MARKER}"
    middle = draw(st.integers(_PIECE, len(MARKER) - _PIECE))
    text = f"{draw(awkward)}{MARKER[:middle]}{draw(awkward)}{MARKER[middle:]}{draw(awkward)}"
    return quote(text, safe="") if kind == "quoted" else text


@st.composite
def urls(draw: st.DrawFn) -> str:
    """Draw an address of a server that does not answer."""
    shape, password = draw(st.sampled_from(_SHAPES)), draw(passwords())
    url = shape.format(scheme=draw(st.sampled_from(_SCHEMES)), password=password, host=draw(st.sampled_from(_HOSTS)))
    # Without a host behind it, such a password means a host, a port and a database, and nobody could tell.
    assume("{host}" in shape or not re.search(r"//ana:{password}", shape) or not re.search(r"^\d+[/?,]|@", password))
    return url


def leaked(text: str) -> str:
    """Return the first piece of the marker that a text has, with what stands around it; empty where it has none."""
    for at in range(len(text) - _PIECE + 1):
        if text[at : at + _PIECE] in _PIECES:
            return text[max(0, at - 60) : at + 60]
    return ""
