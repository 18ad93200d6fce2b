"""The pytest plugin `hexalembic`: databases at revisions as fixtures, and ready tests for any Alembic project."""
