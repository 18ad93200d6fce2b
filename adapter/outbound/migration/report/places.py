"""Where a revision's file is, seen from the repository's root, as whoever shows a report beside the code wants it."""

from pathlib import Path


def from_repository(path: str, project: Path) -> str:
    """Return a path relative to the root of the repository that the project is in; to the current folder without one.

    Args:
        path: Of a file, relative to the project's folder, or absolute.
        project: The folder of the project's configuration.
    """
    file = (project / path).resolve()
    root = next((folder for folder in file.parents if (folder / ".git").exists()), Path.cwd())
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()
