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
    from importlib.util import find_spec

    from adapter.outbound.isolation import wall
    from adapter.outbound.migration.lock_catalog.measure import measure, rows
    from adapter.outbound.migration.lock_catalog.operations import OPERATIONS
    from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
    from adapter.outbound.postgres import embedded

    majors = (
        [major] if major else [version for version, (package, _) in embedded.PACKAGES.items() if find_spec(package)]
    )
    measured = {}
    for version in majors:
        # The sandbox only runs our own statements, so the wall is optional.
        with EmbeddedSandbox(version, walled=wall.is_available()) as sandbox:
            measured[version] = measure(sandbox, OPERATIONS)
    return rows(OPERATIONS, measured)


def write_lock_catalog(page: "Path", rows: "list[CatalogRow]") -> None:
    """Write the page of the lock catalog."""
    from adapter.outbound.migration.report import lock_catalog_markdown

    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(lock_catalog_markdown.render(rows), encoding="utf-8")


def check_lock_catalog(page: "Path", rows: "list[CatalogRow]") -> list[str]:
    """Return the disagreements between the page and a measurement; empty if there are none."""
    from adapter.outbound.migration.report import lock_catalog_markdown
    from domain.migration.lock_catalog import differences

    text = page.read_text(encoding="utf-8")
    old_rows = lock_catalog_markdown.read(text)
    disagreements = differences(old_rows, rows)
    if not disagreements and lock_catalog_markdown.render(old_rows) != text:
        disagreements = ["the page has been changed by hand, or this command writes it differently now"]
    return disagreements
