"""Postgres itself: URLs, connections, explanations of errors, the embedded server; no business and no migrations."""
