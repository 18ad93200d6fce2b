"""The checks that a revision must pass for its certificate. Each module of this folder is one check."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from domain.migration.verification.check import Check, load


@cache
def all_checks() -> tuple[Check, ...]:
    """Return the checks of all modules of this folder, sorted by code."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return tuple(sorted(map(load, modules), key=lambda check: check.code))
