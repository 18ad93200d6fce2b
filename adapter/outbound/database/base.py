"""The declarative base: the metadata, the naming convention, and the column types of Python annotations."""

import datetime as dt
import decimal
import uuid
from typing import Any, ClassVar

from sqlalchemy import DateTime, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

# Every constraint has a known name, so that a downgrade can drop it by name (Alembic manual, "The Importance of
# Naming Constraints").
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ix": "idx_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """The base class of every model."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dt.datetime: DateTime(timezone=True),
        uuid.UUID: Uuid(),
        decimal.Decimal: Numeric(10, 2),
        dict[str, Any]: JSONB(),
        str: Text(),
    }
