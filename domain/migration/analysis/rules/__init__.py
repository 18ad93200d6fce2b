"""The rules of `migrate analyze`. Each module of this folder is one rule."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from domain.migration.analysis.rule import Rule, load


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return the rules of all modules of this folder, sorted by code."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return tuple(sorted(map(load, modules), key=lambda rule: rule.code))
