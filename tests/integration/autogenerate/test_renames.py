"""A column or table that may have been renamed is asked about, with the operation to write instead."""

import logging
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text

from tests.integration.autogenerate.harness import Build, Database, Project


def _notes(*columns: str, name: str = "notes") -> Build:
    return lambda metadata: Table(
        name, metadata, Column("id", Integer, primary_key=True), *(Column(column, Text) for column in columns)
    )


def _written(database: Database, directory: Path, before: Build, after: Build) -> str:
    models_before, models_after = MetaData(), MetaData()
    before(models_before)
    after(models_after)
    models_before.create_all(database.engine)
    with database.engine.connect() as connection:
        return Project(directory).autogenerate(connection, models_after)


def test_a_renamed_column_is_asked_about(database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The comment has both operations to write instead, and the log says it too."""
    with caplog.at_level(logging.WARNING, logger="alembic"):
        source = _written(database, tmp_path, _notes("title", "body"), _notes("heading", "body"))
    assert "# Has notes.title been renamed to notes.heading?" in source
    assert "#     op.alter_column('notes', 'title', new_column_name='heading')" in source
    assert "# and in the downgrade: op.alter_column('notes', 'heading', new_column_name='title')" in source
    assert source.count("# Has ") == 1
    assert "Has notes.title been renamed to notes.heading?" in caplog.text


def test_a_renamed_table_is_asked_about(database: Database, tmp_path: Path) -> None:
    """A table that goes while one with the same columns comes."""
    source = _written(database, tmp_path, _notes("body"), _notes("body", name="memos"))
    assert "#     op.rename_table('notes', 'memos')" in source


def test_what_has_nothing_in_common_is_not_asked_about(database: Database, tmp_path: Path) -> None:
    """Neither place, nor name, nor comment are alike."""
    source = _written(database, tmp_path, _notes("aaaa", "b", "c", "d"), _notes("b", "c", "d", "zzzz"))
    assert "add_column" in source
    assert "# Has " not in source
