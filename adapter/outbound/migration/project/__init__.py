"""The one way to run a project's Alembic: its process, its settings, its errors."""
