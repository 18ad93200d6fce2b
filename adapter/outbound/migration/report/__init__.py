"""Reports: each module `SUBJECT_FORMAT` of this folder writes one format of one report."""

from functools import cache
from pkgutil import iter_modules


@cache
def formats(subject: str) -> tuple[str, ...]:
    """Return the formats in which a report can be written, `text` first.

    Args:
        subject: The report, as the modules are called: analysis, verification or rules.
    """
    prefix = f"{subject}_"
    names = (module.name.removeprefix(prefix) for module in iter_modules(__path__) if module.name.startswith(prefix))
    return tuple(sorted(names, key=lambda name: (name != "text", name)))
