"""Postgres itself: addresses, connections, errors in words, the embedded server. It knows nobody."""
