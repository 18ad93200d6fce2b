"""A diagnostic as JSON, in all reports alike."""

from typing import Any

from domain.migration.diagnostic import Diagnostic


def fields(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return the fields of a diagnostic that every report has."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "relation": diagnostic.relation,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "fix": diagnostic.fix,
    }
