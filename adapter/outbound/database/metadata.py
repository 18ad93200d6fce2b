"""The metadata of all models; they are discovered, so that a forgotten import cannot make autogenerate drop a table."""

import importlib
import pkgutil
from pathlib import Path

from sqlalchemy import MetaData

from adapter.outbound.database.base import Base


def load_metadata() -> MetaData:
    """Import every `<context>/models/sqlalchemy.py` beside this file and return their metadata."""
    folder = Path(__file__).parent
    package = __name__.rpartition(".")[0]
    for context in pkgutil.iter_modules([str(folder)]):
        if (folder / context.name / "models" / "sqlalchemy.py").exists():
            importlib.import_module(f"{package}.{context.name}.models.sqlalchemy")
    return Base.metadata
