"""The versions of Hexalembic, Alembic and Python."""


def version() -> str:
    """Return the versions of Hexalembic, Alembic and Python, in one line."""
    import platform
    from importlib.metadata import version

    return f"hexalembic {version('hexalembic')} (alembic {version('alembic')}, Python {platform.python_version()})"
