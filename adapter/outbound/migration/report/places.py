"""Paths of revision files relative to the repository's root, as tools need them that show reports beside the code."""

from pathlib import Path


def from_repository(path: str, project: Path) -> str:
    """Return a path relative to the root of the project's repository, or to the current folder without a repository.

    A file outside of that root keeps its absolute path.

    Args:
        path: Path of a file, relative to the project's folder, or absolute.
        project: The folder of the project's configuration.
    """
    file = (project / path).resolve()
    root = next((folder for folder in file.parents if (folder / ".git").exists()), Path.cwd())
    return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()
