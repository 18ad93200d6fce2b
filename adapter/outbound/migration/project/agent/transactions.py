"""Statements that begin, configure and end transactions, recognized by their first words."""

from __future__ import annotations

import re

from .plans import BLANK

TRANSACTION_COMMAND = re.compile(
    BLANK + r"(begin|start|commit|end|rollback|abort|savepoint|release|prepare|lock|declare|close|fetch)\b",
    re.IGNORECASE | re.DOTALL,
)
END = re.compile(BLANK + r"(commit|end|rollback|abort)\b", re.IGNORECASE | re.DOTALL)
SAVEPOINT = re.compile(
    BLANK + r"(savepoint|release|rollback\s+(work\s+|transaction\s+)?to)\s+(savepoint\s+)?[^;]+;?\s*",
    re.IGNORECASE | re.DOTALL,
)
# SET TRANSACTION must come before any query of its transaction, so the tracer may not send a query before it.
SET_TRANSACTION = re.compile(
    BLANK + r"set\s+((local|session)\s+)?(transaction|characteristics)\b", re.IGNORECASE | re.DOTALL
)
