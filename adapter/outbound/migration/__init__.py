"""The migration tool, which knows nothing of the backend."""
