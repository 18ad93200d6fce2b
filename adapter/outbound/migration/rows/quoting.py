"""Quoting of names and strings for SQL."""


def quote(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a string as a literal."""
    escaped = value.replace("'", "''")
    # standard_conforming_strings may be off in a foreign database
    return "E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in value else f"'{escaped}'"
