"""What every command needs of errors: an explanation, text without passwords, and commands with their path."""

from adapter.outbound.postgres.commands import reachable
from adapter.outbound.postgres.explain import described
from adapter.outbound.postgres.redaction import is_address, may_hold_secret, print_traceback, redact

__all__ = ["described", "is_address", "may_hold_secret", "print_traceback", "reachable", "redact"]
