"""The round trip of a revision: upgrade, downgrade, upgrade, and what the revision declares about its downgrade."""

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
    """What the downgrade of a revision restores: everything, not everything, or nothing because it refuses."""

    EXACT = "exact"
    LOSSY = "lossy"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True)
class Declaration:
    """What a revision declares about its own downgrade.

    Attributes:
        lossy_downgrade: Reason why each loss is accepted, by the name of the table, column or other object.
        irreversible: Reason why the revision cannot be undone; None if it can.
    """

    lossy_downgrade: Mapping[str, str] = field(default_factory=dict)
    irreversible: str | None = None

    @classmethod
    def read(cls, revision: str, lossy_downgrade: object = None, irreversible: object = None) -> "Declaration":
        """Return the declaration that the module of a revision contains.

        Args:
            revision: Id of the revision, for error messages.
            lossy_downgrade: Value of this name in the module; None if it has no such name.
            irreversible: Value of this name in the module; None if it has no such name.

        Raises:
            CertificateError: A value has the wrong type, or a reason is missing.
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
                'write irreversible = "why it cannot be undone"',
            )
        return cls(dict(reasons), irreversible if isinstance(irreversible, str) else None)


@dataclass(frozen=True)
class RoundTrip:
    """The result of applying a revision, undoing it, and applying it again.

    Attributes:
        refusal: Message with which the downgrade refused on purpose; None if it did not refuse.
        failure: Error of the downgrade, or of the upgrade after it; None if both succeeded.
        statements: Number of statements that the downgrade executed; a silent `pass` executes none.
        schema: Difference between the schema before the upgrade and that after the downgrade. The order of columns is
            ignored, because a column that comes back is always the last one.
        one_way: The part of `schema` that Postgres has no statement to undo.
        data: Difference between the rows before the upgrade and those after the downgrade.
        schema_again: Difference between the schemas after the first and the second upgrade.
        data_again: Difference between the rows after the first and the second upgrade.
        repair: Statements that are missing in the downgrade; None if none are missing.
        causes: Statement of the upgrade behind each difference, such as `line 12: DROP INDEX …`, by the name of the
            object.
        not_again: Error of the second upgrade after a downgrade that does nothing; None if there was none.
        unseen: Possible losses that the rows of the sandbox could not show, one sentence for each table or column.
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
        """Whether the downgrade does nothing, although there are changes that it could undo."""
        return bool(self.rest) and not self.statements

    @property
    def rest(self) -> SchemaDifference:
        """The difference of the schemas, without the changes that Postgres cannot undo."""
        return self.schema.without(self.one_way)

    @property
    def reversibility(self) -> Reversibility | None:
        """What the downgrade restores; None if it fails, or does nothing and leaves another schema."""
        if self.failure is not None:
            return None
        if self.refusal is not None:
            return Reversibility.IRREVERSIBLE
        if self.is_silent:
            return None
        return Reversibility.LOSSY if self.schema or self.data else Reversibility.EXACT

    @property
    def losses(self) -> Mapping[str, str]:
        """All differences after the downgrade, by the name of the object, losses of rows first."""
        losses: dict[str, list[str]] = {change.subject: [] for change in self.data.losses}
        for name, sentence in self.schema.by_name():
            losses.setdefault(name, []).append(sentence)
        for change in (*self.data.losses, *self.data.additions):
            losses.setdefault(change.subject, []).append(str(change))
        return {name: "; ".join(sentences) for name, sentences in losses.items()}


def is_text(value: object) -> bool:
    """Return whether a value is a string with more than blanks."""
    return isinstance(value, str) and bool(value.strip())
