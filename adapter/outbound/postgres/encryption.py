"""Says why an encrypted connection could not be had: what the server wants, which certificate, which file."""

import os
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.url import DatabaseURL

# What holds a certificate, a key or a list of those that are withdrawn (PostgreSQL manual, 34.1.2 Parameter Key Words).
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SYSTEM = "system"  # for sslrootcert: the authorities that the system trusts
_VERIFIED = {"verify-ca", "verify-full"}
_NOT_ENCRYPTED = {"disable", "allow"}
_REFUSED_BY_NAME = "28000"  # SQLSTATE: pg_hba.conf has no entry, or one that rejects
_PROTOCOL = "08P01"  # SQLSTATE: how poolers refuse

# Neither libpq nor asyncpg has a code for what it says itself.
_NO_SERVER_SIDE = re.compile(r"server does not support SSL|rejected SSL upgrade")
_WANTED = re.compile(r"\b(?:SSL|TLS)\b|insecure|encrypt", re.IGNORECASE)
_NO_AUTHORITY = re.compile(r"root certificate file .* does not exist")
_NOT_TRUSTED = re.compile(r"certificate verify failed|server certificate for|self-signed certificate", re.IGNORECASE)
_HANDSHAKE = re.compile(r"\bSSL error\b|\bSSL SYSCALL\b|\[SSL\b", re.IGNORECASE)


def describe_encryption(
    chain: Iterable[BaseException], state: str | None, message: str, url: DatabaseURL
) -> DatabaseError | None:
    """Describe an error of connecting that is one of encryption; None where it is none.

    Args:
        chain: The error, what caused it, and so on.
        state: Its SQLSTATE, where the server answered.
        message: What the driver or the server said, in one line.
        url: The database that was meant.
    """
    mode = url.parameter("sslmode") or os.environ.get("PGSSLMODE") or ""
    if state is not None:
        named = (state == _REFUSED_BY_NAME and "pg_hba.conf" in message) or state == _PROTOCOL
        wanted = mode in _NOT_ENCRYPTED if state == _REFUSED_BY_NAME else _WANTED.search(message) is not None
        return _wanted_by_server(message, mode, url) if named and wanted else None
    if mode in {"", *_NOT_ENCRYPTED, "prefer"}:
        return None
    for name in _FILES:
        if unread := _unread(url.parameter(name)):
            return DatabaseConfigurationError(
                f"The file of {name} cannot be read for {url} ({unread}).", f"Correct the path in {url.source}."
            )
    if _NO_SERVER_SIDE.search(message):
        return DatabaseError(
            f"The server at {url} does not encrypt connections, and sslmode={mode} demands it ({message}).",
            f"Turn ssl on at the server, or write sslmode=prefer in {url.source}: it encrypts where the server can.",
        )
    if _NO_AUTHORITY.search(message) and mode in _VERIFIED:
        return DatabaseConfigurationError(
            f"sslmode={mode} needs the certificate of an authority, and none is there for {url} ({message}).",
            f"Name it in {url.source} with sslrootcert=FILE.",
        )
    return _of_handshake(list(chain), message, url)


def _wanted_by_server(message: str, mode: str, url: DatabaseURL) -> DatabaseError:
    instead = f" in place of sslmode={mode}" if mode else ""
    return DatabaseError(
        f"The server refused a connection without encryption at {url} ({message}).",
        f"Write sslmode=require{instead} in {url.source}, or let the server's pg_hba.conf admit it.",
    )


def _of_handshake(chain: list[BaseException], message: str, url: DatabaseURL) -> DatabaseError | None:
    said = [error for one in chain for error in (one, getattr(one, "orig", None))]
    if _NOT_TRUSTED.search(message) or any(isinstance(one, ssl.SSLCertVerificationError) for one in said):
        return DatabaseError(
            f"The certificate of the server at {url} is not trusted ({message}).",
            f"Name in {url.source} the authority that signed it with sslrootcert=FILE, and the host as the "
            "certificate has it.",
        )
    if _HANDSHAKE.search(message) or any(isinstance(one, ssl.SSLError) for one in said):
        return DatabaseError(
            f"An encrypted connection to {url} could not be had ({message}).",
            f"Compare sslmode and the certificates that {url.source} names with those of the server.",
        )
    return None


def _unread(name: str) -> str:
    """Return why a file cannot be read; empty where it can, or none is named."""
    if not name or name == _SYSTEM:
        return ""
    try:
        with Path(name).expanduser().open("rb"):
            return ""
    except OSError as error:
        return f"{error.strerror}: {name}"
