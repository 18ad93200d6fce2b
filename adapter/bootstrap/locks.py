"""Wiring of `migrate locks`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from domain.migration.lock_catalog import CatalogRow


def measure_lock_catalog(major: int | None = None) -> "list[CatalogRow]":
    """Measure the operations of the lock catalog and return its rows.

    Args:
        major: The major version to measure; None for all versions whose package is installed.

    Raises:
        DatabaseError: A version is not available or does not start.
    """
    from adapter.outbound.isolation import wall
    from adapter.outbound.migration.lock_catalog.measure import measure, rows
    from adapter.outbound.migration.lock_catalog.operations import OPERATIONS
    from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
    from adapter.outbound.postgres.embedded import installed_majors

    measured = {}
    for version in [major] if major else installed_majors():
        # The sandbox only runs our own statements, so the wall is optional.
        with EmbeddedSandbox(version, walled=wall.is_available()) as sandbox:
            measured[version] = measure(sandbox, OPERATIONS)
    return rows(OPERATIONS, measured)


def write_lock_catalog(page: "Path", rows: "list[CatalogRow]") -> None:
    """Write the page of the lock catalog."""
    from adapter.outbound.migration.report.lock_catalog_markdown import render
    from adapter.outbound.migration.report.page import write_page

    write_page(page, render(rows))


def check_lock_catalog(page: "Path", rows: "list[CatalogRow]") -> list[str]:
    """Return the disagreements between the page and a measurement; empty if there are none."""
    from adapter.outbound.migration.report.lock_catalog_markdown import disagreements
    from adapter.outbound.migration.report.page import read_page

    return disagreements(read_page(page), rows)
