"""Wiring of `migrate new-service`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_service(folder: "Path", name: str | None) -> str:
    """Write a new service into a folder and return its name.

    Raises:
        DatabaseConfigurationError: The folder or the name cannot be used.
        DatabaseError: The files cannot be written.
    """
    from adapter.outbound.database.settings import PROJECT_ROOT
    from adapter.outbound.new_service.writer import write_service

    return write_service(folder, name, PROJECT_ROOT)
