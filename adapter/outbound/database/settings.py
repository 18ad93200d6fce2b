"""Settings from the environment and from `.env` at the project's root; the environment wins."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

from adapter.outbound.postgres.url import EMBEDDED, DatabaseURL

PROJECT_ROOT = Path(__file__).resolve().parents[3]


def setting(name: str) -> str | None:
    """Return a setting, or None if it is not set or empty."""
    return os.environ.get(name) or _env_file().get(name) or None


def database_url(explicit: str | None = None) -> DatabaseURL:
    """Return the explicit URL, or `DATABASE_URL`, or the URL of the embedded Postgres after starting it.

    Raises:
        DatabaseConfigurationError: The URL cannot be used.
        DatabaseError: The embedded server does not start.
    """
    if explicit:
        source, otherwise = "the URL of this call (-x url=, --url, --target-url)", "leave it out to use DATABASE_URL"
        return replace(DatabaseURL.parse(explicit), source=source, otherwise=otherwise)
    url = setting("DATABASE_URL")
    if url is None:
        from adapter.outbound.postgres import embedded

        server = embedded.start()
        log = server.data_directory.with_suffix(".log")
        return replace(DatabaseURL.parse(server.url()), source=EMBEDDED, otherwise=f"its log is {log}")
    if os.environ.get("DATABASE_URL"):
        return replace(DatabaseURL.parse(url), source="DATABASE_URL (set in the environment)")
    env_file = PROJECT_ROOT / ".env"
    otherwise = "take the line out to use the embedded Postgres"
    return replace(DatabaseURL.parse(url), source=f"DATABASE_URL (set in {env_file})", otherwise=otherwise)


@cache
def _env_file() -> dict[str, str | None]:
    path = PROJECT_ROOT / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(path)
