"""The pytest plugin `hexalembic`: databases at revisions as fixtures, and ready tests of any Alembic project."""
