"""The ports of the migration use cases, one file a need."""
