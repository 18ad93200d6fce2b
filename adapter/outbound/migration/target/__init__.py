"""The target database, which is only read."""
