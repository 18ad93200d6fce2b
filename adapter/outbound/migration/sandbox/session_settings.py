"""The settings of the project's sessions in the sandbox, so that a revision does there what it does at the target."""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg

from adapter.outbound.postgres import direct

PLAIN = {"TimeZone": "UTC", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "standard_conforming_strings": "on"}
"""Settings of sessions when no target was named: Postgres' own defaults, and not those of the machine."""

_USUAL = {
    **PLAIN,
    "timezone_abbreviations": "Default",
    "backslash_quote": "safe_encoding",
    "default_text_search_config": "pg_catalog.english",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "xmlbinary": "base64",
    "xmloption": "content",
    "default_transaction_isolation": "read committed",
}

OTHER_ZONES = ("Europe/Madrid", "UTC")
"""Zones for a second run; at least one of them differs from the zone of the first run."""


def are_usual(settings: Mapping[str, str]) -> bool:
    """Return whether settings of a target are those of sessions when no target was named."""
    return all(_USUAL.get(name) == value for name, value in settings.items())


class SessionSettings(NamedTuple):
    """Settings of sessions, by name.

    Attributes:
        taken: The settings that the server accepts.
        refused: The settings that the server refuses, such as an unknown locale or zone.
    """

    taken: Mapping[str, str]
    refused: Mapping[str, str]


def accepted(url: str, settings: Mapping[str, str]) -> SessionSettings:
    """Return which settings a server accepts, by trying each of them."""
    taken: dict[str, str] = {}
    refused: dict[str, str] = {}
    with direct.connect(url, autocommit=True, client_encoding="utf8") as connection:
        for name, value in settings.items():
            try:
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            except psycopg.Error:
                refused[name] = value
            else:
                taken[name] = value
    return SessionSettings(taken, refused)
