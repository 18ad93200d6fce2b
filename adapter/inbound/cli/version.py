"""The versions of Hexalembic, Alembic and Python."""

_NAME = "hexalembic"


def version() -> str:
    """Return the versions of Hexalembic, Alembic and Python in one line."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    try:
        own = version(_NAME)
    except PackageNotFoundError:  # run from its folder
        own = "(not installed)"
    return f"{_NAME} {own} (alembic {version('alembic')}, Python {platform.python_version()})"
