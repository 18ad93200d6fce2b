"""Statements that commit on their own, with settings of the session around them."""

from dataclasses import dataclass

from domain.migration.forms.form import Form, Step
from domain.migration.forms.rerunnable import rerunnable
from domain.migration.op_code import execute, in_autocommit


@dataclass(frozen=True)
class OwnTransactions(Form):
    """Statements in an autocommit block.

    Attributes:
        statements: SQL of the statements; what one of them may have left of an earlier run is dropped before it.
        settings: Settings of the session meanwhile, such as `lock_timeout = '2s'`.
    """

    statements: tuple[str, ...]
    settings: tuple[str, ...] = ()

    @property
    def expand(self) -> Step:
        """The statements, each in a transaction of its own."""
        block = in_autocommit(
            *(execute(f"SET {setting}") for setting in self.settings),
            *(operation for sql in self.statements for operation in rerunnable(sql)),
            *(execute(f"RESET {setting.split()[0]}") for setting in self.settings),
        )
        return Step((block,))
