"""What a rule says about a revision."""

from dataclasses import dataclass
from enum import Enum

from domain.wording import readable


class Severity(Enum):
    """How much a diagnostic matters; an error makes the revision unsafe."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Diagnostic:
    """One thing that a rule found.

    Attributes:
        code: The rule's name, such as `blocking-index-build`.
        severity: An error says that the revision is unsafe.
        statement: Index into the statements of the upgrade, from 0; None when it is about the whole revision or its
            downgrade. Messages count from 1.
        relation: The table it is about, schema-qualified.
        message: What happens, with the names of the user's own tables.
        help: What to do about it.
        fix: Corrected text of the revision, with the user's own names; None where it cannot be derived.
        suppressed_reason: Why the author accepts it; None when nobody did.
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
        """Keep what Postgres and the project said within a screen."""
        object.__setattr__(self, "message", readable(self.message))
        object.__setattr__(self, "help", readable(self.help))

    @property
    def unsafe(self) -> bool:
        """Whether the revision is unsafe because of it."""
        return self.severity is Severity.ERROR and self.suppressed_reason is None
