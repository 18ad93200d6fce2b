"""The versions of Hexalembic, Alembic and Python."""

_NAME = "hexalembic"


def version() -> str:
    """Return the versions of Hexalembic, Alembic and Python in one line."""
    import platform
    from importlib.metadata import version

    return f"{_NAME} {version(_NAME)} (alembic {version('alembic')}, Python {platform.python_version()})"
