"""A group of commands, one file each, whose complaints about arguments show no password."""

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
    """Leaves out of a usage error the argument that it is about, where that looks like an address."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Read the arguments of the group itself."""
        try:
            return super().make_context(*arguments, **named)
        except TyperException as error:
            _redact(error)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Read those of the command, and run it."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            _redact(error)
            raise


def collect(package: str, path: Iterable[str], **settings: Any) -> typer.Typer:
    """Put the commands of a folder together.

    Args:
        package: Its name. Each of its modules has an `app`, a command or a group, but those whose name begins with `_`.
        path: The folder.
        settings: Of the whole, as `typer.Typer` takes them.
    """
    app = typer.Typer(cls=RedactingGroup, no_args_is_help=True, pretty_exceptions_enable=False, **settings)
    for module in pkgutil.iter_modules(path):
        if not module.name.startswith("_"):
            app.add_typer(importlib.import_module(f"{package}.{module.name}").app)
    return app


def checked_range(wanted: Any) -> Any:
    """Return a range of revisions or several.

    Raises:
        typer.BadParameter: One is an address: it would be quoted as a revision that does not exist.
    """
    from adapter.bootstrap.errors import may_hold_secret

    for name in [wanted] if isinstance(wanted, str) else wanted or ():
        if not name.endswith(".py") and may_hold_secret(name):
            raise typer.BadParameter("this is no revision, range or file; an address is given with --target-url")
    return wanted


def _redact(error: TyperException) -> None:
    from adapter.bootstrap.errors import redact

    for name in _QUOTED:
        text = getattr(error, name, None)
        if isinstance(text, str | list | tuple):
            setattr(error, name, redact(text, sys.argv[1:]))
