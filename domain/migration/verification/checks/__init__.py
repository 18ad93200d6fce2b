"""What keeps a revision from its certificate, one module each: a new file in this folder is a new check."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from domain.migration.verification.check import Check, load


@cache
def all_checks() -> tuple[Check, ...]:
    """Load every module of this folder, in the order of their codes."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return tuple(sorted(map(load, modules), key=lambda check: check.code))
