"""Diagnostics: what rules and checks report about a revision."""

from dataclasses import dataclass
from enum import Enum

from domain.wording import readable


class Severity(Enum):
    """The severity of a diagnostic; an error makes the revision unsafe."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Diagnostic:
    """One problem that a rule or a check reports.

    Attributes:
        code: Code of the rule or check, such as `blocking-index-build`.
        severity: Severity; an error means that the revision is unsafe.
        statement: Index of the statement in the upgrade, from 0; None if the whole revision or its downgrade is meant.
            Messages count from 1.
        relation: Qualified name of the table; None if no single table is meant.
        message: What happens, with the names of the user's tables.
        help: What to do about it.
        fix: Corrected text of the revision, with the names of the user's tables; None if it cannot be derived.
        suppressed_reason: Reason why the author accepts the diagnostic; None if it is not suppressed.
    """

    code: str
    severity: Severity
    statement: int | None
    relation: str | None
    message: str
    help: str
    fix: str | None = None
    suppressed_reason: str | None = None

    def __post_init__(self) -> None:
        """Shorten the messages of Postgres and the project to the length of a screen."""
        object.__setattr__(self, "message", readable(self.message))
        object.__setattr__(self, "help", readable(self.help))

    @property
    def unsafe(self) -> bool:
        """Whether the diagnostic makes the revision unsafe."""
        return self.severity is Severity.ERROR and self.suppressed_reason is None
