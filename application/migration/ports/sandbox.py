"""A server for experiments."""

from abc import abstractmethod
from typing import Protocol, Self


class Sandbox(Protocol):
    """A Postgres server for experiments. Its databases exist as long as the sandbox is open.

    A template is a database that outlives the sandbox, so that its contents are made only once. Its key identifies the
    contents: templates with the same key are equal.
    """

    @property
    @abstractmethod
    def server_version(self) -> int:
        """Version of the server as libpq numbers it: 180006 is 18.6."""

    @abstractmethod
    def create(self, template: str | None = None) -> str:
        """Create a database and return its URL.

        Args:
            template: Key of the template to copy; None for an empty database.
        """

    @abstractmethod
    def copy(self, database: str) -> str:
        """Create a copy of a database of this sandbox and return its URL. The sessions of the original are ended."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database of this sandbox, by its URL or its name, even if sessions are connected."""

    @abstractmethod
    def show(self, database: str) -> None:
        """Switch the roles of the server to those that revisions created in a database.

        The roles of the databases that it was copied from are included. The switch is necessary before work on a
        database if another database was used in between.
        """

    @abstractmethod
    def has_template(self, key: str) -> bool:
        """Return whether a template with this key exists."""

    @abstractmethod
    def save_template(self, database: str, key: str, note: str = "") -> bool:
        """Make a database of this sandbox a template, so that it no longer belongs to the sandbox.

        If another process has saved a template with this key meanwhile, that one is kept and this one is dropped.

        Args:
            database: URL of the database.
            key: Key of the template.
            note: Text that `template_note` returns.

        Returns:
            False if the database stays in the sandbox, because not all that belongs to it can be saved.
        """

    @abstractmethod
    def save_copy(self, database: str, key: str, note: str = "") -> None:
        """Save a copy of a database of this sandbox as a template, as `save_template` does; the database stays.

        Nothing is saved if not all that belongs to the database can be.
        """

    @abstractmethod
    def newest_template(self) -> str | None:
        """Return the key of the template that was saved or copied last; None if there is none."""

    @abstractmethod
    def template_note(self, key: str) -> str:
        """Return the note with which a template was saved; empty if there is none."""

    @abstractmethod
    def close(self) -> None:
        """Drop all databases of this sandbox. Templates stay."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Return the sandbox itself."""

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Close the sandbox."""
