"""Names and strings as SQL writes them."""


def quote(name: str) -> str:
    """Write a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Write a string."""
    escaped = value.replace("'", "''")
    # standard_conforming_strings may be off in a foreign database
    return "E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in value else f"'{escaped}'"
