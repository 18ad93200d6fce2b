"""Use cases of the products context."""
