"""Whether the code of one release lives with the schema of another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_CHECK, _NULL = "23514", "23502"
REFERENCES = frozenset({"23503", "23001"})  # a foreign key, without and with RESTRICT (so since Postgres 18)
_VALUES = REFERENCES | {"23505", _CHECK, "23P01"}


@dataclass(frozen=True)
class ApplicationStatement:
    """A statement that an application may send.

    Attributes:
        sql: Its text, parameters as `$1`.
        table: The table or view that it is about; empty where that is not known.
        parameters: A value for each parameter, as Postgres writes it; None for NULL.
        recorded: Whether an application was seen to send it; else it was made from the catalog.
    """

    sql: str
    table: str
    parameters: tuple[str | None, ...] = field(default=(), repr=False)
    recorded: bool = False


@dataclass(frozen=True)
class BrokenStatement:
    """A statement that ran on one schema and fails on the other.

    Attributes:
        statement: The statement.
        error: What the server said.
        sqlstate: The code of that.
        when_prepared: It fails only where it was prepared before the schema changed, as drivers and poolers do.
        relation: The table that refused it, a partition's root; empty where no single table did.
    """

    statement: ApplicationStatement
    error: str
    sqlstate: str
    when_prepared: bool = False
    relation: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether another table refused it, to which a trigger or a foreign key's action writes."""
        here, there = (name.rpartition(".")[2].strip('"').lower() for name in (self.statement.table, self.relation))
        return bool(here and there) and here != there  # of a recorded statement, the schema is not known

    def __str__(self) -> str:
        """Return it as a sentence."""
        prepared = ", prepared before," if self.when_prepared else ""
        return f"{self.statement.sql}{prepared} fails: {self.error}"


@dataclass(frozen=True)
class Compatibility:
    """Statements of one release on the schema of another.

    Attributes:
        tried: How many ran before.
        broken: Those that fail now.
        untried: Tables without a statement that could be tried, with the reason.
        inserted: Tables into which an INSERT ran before.
    """

    tried: int
    broken: tuple[BrokenStatement, ...] = ()
    untried: Mapping[str, str] = field(default_factory=dict)
    inserted: frozenset[str] = frozenset()

    def still_inserts(self, table: str) -> bool:
        """Return whether all INSERTs into a table that ran before run now; False where none was tried."""
        return table in self.inserted and "INSERT" not in self.failing(table)

    def failing(self, table: str) -> set[str]:
        """Name the commands of which a statement on a table fails now: `SELECT`, `INSERT` and so on."""
        return {one.statement.sql.split(maxsplit=1)[0].upper() for one in self.broken if one.statement.table == table}


def breaks(broken: BrokenStatement, constraint: str = "") -> bool:
    """Return whether an error is about the schema, and not about the values that happened to be tried.

    A new CHECK, unique or foreign key may refuse made-up values that no application writes; a missing column, a type
    that takes no such value, a row that no partition takes, and a NULL that was allowed are about every statement of
    that form. So is what a trigger writes to another table: the statement has not chosen it.

    Args:
        broken: The statement and its error.
        constraint: The constraint that refused it; empty where none did.
    """
    if broken.sqlstate == _CHECK and not constraint:
        return True
    if broken.elsewhere and broken.sqlstate in {_CHECK, _NULL}:
        return True
    return broken.sqlstate not in _VALUES
