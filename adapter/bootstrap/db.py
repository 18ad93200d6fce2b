"""Wiring of `migrate db`: the embedded Postgres."""

from adapter.outbound.postgres.embedded import binary, ensure_database, reset, start, status, stop

__all__ = ["binary", "ensure_database", "reset", "start", "status", "stop"]
