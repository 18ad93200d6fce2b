"""The real database, which is only read."""
