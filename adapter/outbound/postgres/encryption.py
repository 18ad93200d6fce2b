"""Explains why an encrypted connection failed: the server's demand, a certificate or a file."""

import os
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError, DatabaseError
from adapter.outbound.postgres.url import DatabaseURL

# Parameters that name a file of certificates, keys or revocations (PostgreSQL manual, 34.1.2 Parameter Key Words).
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SYSTEM = "system"  # for sslrootcert: the authorities that the system trusts
_VERIFIED = {"verify-ca", "verify-full"}
_NOT_ENCRYPTED = {"disable", "allow"}
_REFUSED_BY_NAME = "28000"  # SQLSTATE: pg_hba.conf has no entry, or one that rejects
_PROTOCOL = "08P01"  # SQLSTATE of a pooler's refusal

# libpq and asyncpg have no SQLSTATE for their own messages.
_NO_SERVER_SIDE = re.compile(r"server does not support SSL|rejected SSL upgrade")
_WANTED = re.compile(r"\b(?:SSL|TLS)\b|insecure|encrypt", re.IGNORECASE)
_NO_AUTHORITY = re.compile(r"root certificate file .* does not exist")
_NOT_TRUSTED = re.compile(r"certificate verify failed|server certificate for|self-signed certificate", re.IGNORECASE)
_HANDSHAKE = re.compile(r"\bSSL error\b|\bSSL SYSCALL\b|\[SSL\b", re.IGNORECASE)


def describe_encryption(
    chain: Iterable[BaseException], state: str | None, message: str, url: DatabaseURL
) -> DatabaseError | None:
    """Return an explanation of a connection error if encryption is its cause, or None.

    Args:
        chain: The error and its causes.
        state: The SQLSTATE if the server answered; None otherwise.
        message: The message of the driver or the server, in one line.
        url: The URL of the database.
    """
    mode = url.parameter("sslmode") or os.environ.get("PGSSLMODE") or ""
    if state is not None:
        is_refusal = (state == _REFUSED_BY_NAME and "pg_hba.conf" in message) or state == _PROTOCOL
        is_about_encryption = (
            mode in _NOT_ENCRYPTED if state == _REFUSED_BY_NAME else _WANTED.search(message) is not None
        )
        return _required_by_server(message, mode, url) if is_refusal and is_about_encryption else None
    if mode in {"", *_NOT_ENCRYPTED, "prefer"}:
        return None
    for name in _FILES:
        if reason := _unreadable(url.parameter(name)):
            return DatabaseConfigurationError(
                f"The file of {name} cannot be read for {url} ({reason}).", f"Correct the path in {url.source}."
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


def _required_by_server(message: str, mode: str, url: DatabaseURL) -> DatabaseError:
    instead = f" in place of sslmode={mode}" if mode else ""
    return DatabaseError(
        f"The server refused a connection without encryption at {url} ({message}).",
        f"Write sslmode=require{instead} in {url.source}, or let the server's pg_hba.conf admit it.",
    )


def _of_handshake(chain: list[BaseException], message: str, url: DatabaseURL) -> DatabaseError | None:
    errors = [error for link in chain for error in (link, getattr(link, "orig", None))]
    if _NOT_TRUSTED.search(message) or any(isinstance(error, ssl.SSLCertVerificationError) for error in errors):
        return DatabaseError(
            f"The certificate of the server at {url} is not trusted ({message}).",
            f"Set sslrootcert=FILE in {url.source} to the authority that signed it, and use the host name that the"
            " certificate has.",
        )
    if _HANDSHAKE.search(message) or any(isinstance(error, ssl.SSLError) for error in errors):
        return DatabaseError(
            f"An encrypted connection to {url} could not be made ({message}).",
            f"Compare sslmode and the certificates that {url.source} names with those of the server.",
        )
    return None


def _unreadable(name: str) -> str:
    """Return why a file cannot be read; empty if it can be read or no file is named."""
    if not name or name == _SYSTEM:
        return ""
    try:
        with Path(name).expanduser().open("rb"):
            return ""
    except OSError as error:
        return f"{error.strerror}: {name}"
