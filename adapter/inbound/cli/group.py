"""A group of commands, with a file for each, whose usage errors show no password."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

_QUOTED = ("message", "option_name", "param_hint", "filename", "ui_filename", "possibilities")


class RedactingGroup(TyperGroup):
    """A group whose usage errors do not quote an argument that may contain a secret."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Parse the arguments of the group itself."""
        try:
            return super().make_context(*arguments, **options)
        except TyperException as error:
            _redact(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Parse the arguments of the command and run it."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            _redact(error)
            raise


def collect(package: str, path: Iterable[str], **settings: Any) -> typer.Typer:
    """Return a command line with the commands of a folder.

    Args:
        package: The name of the package. Each of its modules has an `app`, a command or a group, except those whose
            name begins with `_`.
        path: The folders of the package.
        settings: Arguments of `typer.Typer` for the command line.
    """
    app = typer.Typer(cls=RedactingGroup, no_args_is_help=True, pretty_exceptions_enable=False, **settings)
    for module in pkgutil.iter_modules(path):
        if not module.name.startswith("_"):
            app.add_typer(importlib.import_module(f"{package}.{module.name}").app)
    return app


def checked_range(revisions: Any) -> Any:
    """Return the given ranges of revisions unchanged.

    Args:
        revisions: A range, several ranges or files, or None.

    Raises:
        typer.BadParameter: A range looks like a URL, which a message about an unknown revision would quote.
    """
    from adapter.bootstrap.errors import may_hold_secret

    for name in [revisions] if isinstance(revisions, str) else revisions or ():
        if not name.endswith(".py") and may_hold_secret(name):
            raise typer.BadParameter("this is no revision, range or file; an address goes into --target-url")
    return revisions


def checked_name(value: Any) -> Any:
    """Return the name of what a command creates unchanged: a folder, a file or a database.

    Raises:
        typer.BadParameter: It looks like an address, whose password would stand in the name.
    """
    from adapter.bootstrap.errors import is_address

    if value is not None and is_address(str(value)):
        raise typer.BadParameter("this is an address, and no name")
    return value


def _redact(error: TyperException) -> None:
    from adapter.bootstrap.errors import redact

    for name in _QUOTED:
        text = getattr(error, name, None)
        if isinstance(text, str | list | tuple):
            setattr(error, name, redact(text, sys.argv[1:]))
