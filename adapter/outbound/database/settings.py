"""Settings from the environment and from `.env` at the project's root; the environment wins."""

import os
import re
from functools import cache
from io import StringIO
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.url import EMBEDDED, DatabaseURL

PROJECT_ROOT = Path(__file__).resolve().parents[3]
_ENV_FILE = PROJECT_ROOT / ".env"
_NO_VALUE = re.compile(r"\s*(?:export\s+)?DATABASE_URL\b\s*(?![\s=])")


def setting(name: str) -> str | None:
    """Return a setting, or None if it is not set or blank.

    Raises:
        DatabaseConfigurationError: `.env` cannot be read, or not in the line of this setting.
    """
    return os.environ.get(name, "").strip() or _env_file().get(name) or None


def database_url(explicit: str | None = None) -> DatabaseURL:
    """Return the explicit URL, or `DATABASE_URL`, or the URL of the embedded Postgres after starting it.

    Raises:
        DatabaseConfigurationError: The URL cannot be used.
        DatabaseError: The embedded server does not start.
    """
    if explicit:
        source, otherwise = "the URL of this call (-x url=, --url, --target-url)", "leave it out to use DATABASE_URL"
        return DatabaseURL.parse(explicit, source=source, otherwise=otherwise)
    url = setting("DATABASE_URL")
    if url is None:
        from adapter.outbound.postgres import embedded

        server = embedded.start()
        log = server.data_directory.with_suffix(".log")
        return DatabaseURL.parse(server.url(), source=EMBEDDED, otherwise=f"its log is {log}")
    if os.environ.get("DATABASE_URL", "").strip():
        return DatabaseURL.parse(url, source="DATABASE_URL (set in the environment)")
    otherwise = "take the line out to use the embedded Postgres"
    return DatabaseURL.parse(url, source=f"DATABASE_URL (set in {_ENV_FILE})", otherwise=otherwise)


@cache
def _env_file() -> dict[str, str | None]:
    if not _ENV_FILE.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        text = _ENV_FILE.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DatabaseConfigurationError(
            f"{_ENV_FILE} is not written in UTF-8.", "Save it as UTF-8; PowerShell's > writes UTF-16."
        ) from None
    _refuse_unread_address(text)
    return dotenv_values(stream=StringIO(text))


def _refuse_unread_address(text: str) -> None:
    """Refuse a line without `=` that is about the database: another database than the named one would be used."""
    for number, line in enumerate(text.splitlines(), 1):
        if _NO_VALUE.match(line):
            raise DatabaseConfigurationError(
                f"{_ENV_FILE}, line {number}: DATABASE_URL has no = behind it.",
                "Write DATABASE_URL=postgresql://…, or take the line out to use the embedded Postgres.",
            )
