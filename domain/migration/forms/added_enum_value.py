"""A value that an enum gets, committed before anything uses it."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.op_code import quoted
from domain.migration.repair.definitions import literal


@dataclass(frozen=True)
class AddedEnumValue(Form):
    """A new value of an enum, which Postgres cannot remove again.

    Attributes:
        type: Qualified name of the enum.
        value: The value.
        place: Its place, such as `BEFORE 'paid'`; empty for the last one.
    """

    type: str
    value: str
    place: str = ""

    @property
    def expand(self) -> Step:
        """The value, in a transaction of its own, as Postgres refuses its use in the one that adds it."""
        sql = f"ALTER TYPE {self.type} ADD VALUE {literal(self.value)} {self.place}".rstrip()
        reason = quoted(f"Postgres cannot remove the value {self.value} of {self.type}")
        return Step(
            OwnTransactions((sql,)).expand.upgrade,
            (f"raise NotImplementedError({reason})",),
            (f"irreversible = {reason}",),
        )
