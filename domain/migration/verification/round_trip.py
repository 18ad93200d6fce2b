"""What was seen when a revision was applied and undone, and what it declares of that itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from domain.migration.digest import DataDifference
from domain.migration.errors import MigrationError
from domain.migration.repair.derivation import Repair
from domain.migration.snapshot import SchemaDifference


class CertificateError(MigrationError):
    """A certificate file or a declaration that cannot be read."""

    exit_code = 2


class Reversibility(Enum):
    """What the downgrade of a revision gives back: everything, not everything, or nothing, by its own word."""

    EXACT = "exact"
    LOSSY = "lossy"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True)
class Declaration:
    """What a revision says of its own downgrade.

    Attributes:
        lossy_downgrade: Why each loss is accepted, by the name of the table, column or other object.
        irreversible: Why there is no way back; None when there is one.
    """

    lossy_downgrade: Mapping[str, str] = field(default_factory=dict)
    irreversible: str | None = None

    @classmethod
    def read(cls, revision: str, lossy_downgrade: object = None, irreversible: object = None) -> "Declaration":
        """Take the values of the revision's names, None where it has no such name.

        Raises:
            CertificateError: They are of another type, or a reason is missing.
        """
        reasons = {} if lossy_downgrade is None else lossy_downgrade
        if not isinstance(reasons, Mapping) or not all(map(is_text, [*reasons, *reasons.values()])):
            raise CertificateError(
                f"lossy_downgrade of revision {revision} is not a dictionary of names and reasons",
                'write lossy_downgrade = {"public.users.nickname": "why this is accepted"}',
            )
        if irreversible is not None and not is_text(irreversible):
            raise CertificateError(
                f"irreversible of revision {revision} is not a reason",
                'write irreversible = "why there is no way back"',
            )
        return cls(dict(reasons), irreversible if isinstance(irreversible, str) else None)


@dataclass(frozen=True)
class RoundTrip:
    """What was seen when a revision was applied, undone and applied again.

    Attributes:
        refusal: The message with which the downgrade refused on purpose; None when it did not.
        failure: Why the downgrade, or the upgrade after it, failed without meaning to; None when both went through.
        statements: How many statements the downgrade executed; a silent `pass` executes none.
        schema: What separates the schema after the downgrade from the one before the upgrade. The order of columns is
            left out: a column that comes back stands last.
        one_way: The part of it that Postgres has no statement to undo.
        data: The same of the rows.
        schema_again: What separates the schema after the second upgrade from that after the first.
        data_again: The same of the rows.
        repair: What would have brought the schema back, and was not done; None when nothing is left to do.
        causes: Which statement of the upgrade is behind a difference, `line 12: DROP INDEX …`, by the object's name.
        not_again: Why the upgrade failed on what a downgrade that does nothing has left; None when it did not.
        unseen: What may be lost and had no value in the sandbox, a sentence for each name.
    """

    refusal: str | None = None
    failure: str | None = None
    statements: int = 0
    schema: SchemaDifference = field(default_factory=SchemaDifference)
    data: DataDifference = field(default_factory=DataDifference)
    schema_again: SchemaDifference = field(default_factory=SchemaDifference)
    data_again: DataDifference = field(default_factory=DataDifference)
    repair: Repair | None = None
    causes: Mapping[str, str] = field(default_factory=dict)
    one_way: SchemaDifference = field(default_factory=SchemaDifference)
    not_again: str | None = None
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_silent(self) -> bool:
        """Whether the downgrade does nothing, though there is something that it could undo."""
        return bool(self.rest) and not self.statements

    @property
    def rest(self) -> SchemaDifference:
        """What separates the schemas, and could be undone."""
        return self.schema.without(self.one_way)

    @property
    def reversibility(self) -> Reversibility | None:
        """What the downgrade gives back; None when it fails or leads to another schema that it does not own up to."""
        if self.failure is not None:
            return None
        if self.refusal is not None:
            return Reversibility.IRREVERSIBLE
        if self.is_silent:
            return None
        return Reversibility.LOSSY if self.schema or self.data else Reversibility.EXACT

    @property
    def losses(self) -> Mapping[str, str]:
        """What differs after the downgrade, by the name of what it is about, the worst first; sentences are joined."""
        losses: dict[str, list[str]] = {change.subject: [] for change in self.data.losses}
        for name, sentence in self.schema.by_name():
            losses.setdefault(name, []).append(sentence)
        for change in (*self.data.losses, *self.data.additions):
            losses.setdefault(change.subject, []).append(str(change))
        return {name: "; ".join(sentences) for name, sentences in losses.items()}


def is_text(value: object) -> bool:
    """Return whether a value is a text that says something."""
    return isinstance(value, str) and bool(value.strip())
