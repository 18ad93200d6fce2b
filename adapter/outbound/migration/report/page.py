"""The pages of `docs/` that a command writes and compares."""

from pathlib import Path


def write_page(page: Path, text: str) -> None:
    """Write a page; its folder is made if there is none."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def read_page(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")
