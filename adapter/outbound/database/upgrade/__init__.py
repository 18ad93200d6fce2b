"""The run of an Alembic command: options, session settings, retries, and the lock that allows one upgrade at a time."""
