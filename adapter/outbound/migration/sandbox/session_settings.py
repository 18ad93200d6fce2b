"""What the project's sessions have set in the sandbox, so that a revision means there what it means at the target."""

from collections.abc import Mapping
from typing import NamedTuple

import psycopg

from adapter.outbound.postgres import direct

PLAIN = {"TimeZone": "UTC", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "standard_conforming_strings": "on"}
"""What sessions have where nobody named a target: Postgres's own defaults, and not those of the machine."""

OTHER_ZONES = ("Europe/Madrid", "UTC")
"""Zones to try besides, of which one is another than any: what depends on UTC differs between the two."""


class SessionSettings(NamedTuple):
    """Settings of sessions.

    Attributes:
        taken: Those in force.
        refused: Those that the server does not know, such as a locale or a zone that it does not have.
    """

    taken: Mapping[str, str]
    refused: Mapping[str, str]


def accepted(url: str, wanted: Mapping[str, str]) -> SessionSettings:
    """Ask a server which settings it takes."""
    taken: dict[str, str] = {}
    refused: dict[str, str] = {}
    with direct.connect(url, autocommit=True, client_encoding="utf8") as connection:
        for name, value in wanted.items():
            try:
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            except psycopg.Error:
                refused[name] = value
            else:
                taken[name] = value
    return SessionSettings(taken, refused)
