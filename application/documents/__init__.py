"""Use cases of the documents context."""
