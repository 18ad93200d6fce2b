"""Statements that commit on their own, with settings of the session around them."""

from dataclasses import dataclass
from typing import Self

from domain.migration.forms.form import Form, Step
from domain.migration.forms.made_names import taken_relations
from domain.migration.forms.rerunnable import rerunnable, with_settings
from domain.migration.names import split
from domain.migration.op_code import in_autocommit
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class OwnTransactions(Form):
    """Statements in an autocommit block.

    Attributes:
        statements: SQL of the statements; what one of them may have left of an earlier run is dropped before it.
        settings: Settings of the session meanwhile, such as `lock_timeout = '2s'`.
        taken: Names of the relations in the schema of a rebuilt index, without quotes.
    """

    statements: tuple[str, ...]
    settings: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()

    @classmethod
    def reindex(cls, index: str, *catalogs: SchemaSnapshot | None) -> Self:
        """Return the rebuild of an index of some schemas, which leaves their other indexes alone."""
        taken = frozenset(taken_relations(split(index)[0], *catalogs))
        return cls((f"REINDEX INDEX CONCURRENTLY {index}",), taken=taken)

    @property
    def expand(self) -> Step:
        """The statements, each in a transaction of its own."""
        operations = [operation for sql in self.statements for operation in rerunnable(sql, self.taken)]
        return Step((in_autocommit(*with_settings(self.settings, operations)),))
