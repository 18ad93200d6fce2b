"""Compatibility of the code of one release with the schema of another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_CHECK, _NULL = "23514", "23502"
_NO_SUCH_KEY = "42P10"  # ON CONFLICT names columns without a unique key
REFERENCES = frozenset({"23503", "23001"})  # a foreign key, without and with RESTRICT (so since Postgres 18)
_VALUES = REFERENCES | {"23505", _CHECK, "23P01"}


@dataclass(frozen=True)
class ApplicationStatement:
    """A statement that an application may send.

    Attributes:
        sql: Text of the statement, with parameters such as `$1`.
        table: Table or view that it reads or writes; empty if it is not known.
        parameters: Value of each parameter, as Postgres writes it; None for NULL.
        recorded: Whether it was recorded from an application; otherwise it was made from the schema.
        role: Role that sends it; empty for the role that the sandbox uses.
    """

    sql: str
    table: str
    parameters: tuple[str | None, ...] = field(default=(), repr=False)
    recorded: bool = False
    role: str = ""


@dataclass(frozen=True)
class BrokenStatement:
    """A statement that succeeded on one schema and fails on the other.

    Attributes:
        statement: The statement.
        error: Message of the server.
        sqlstate: SQLSTATE of the error.
        when_prepared: Whether it fails only if it was prepared before the schema changed, as drivers and poolers do.
        relation: Table that refused it, for a partition the topmost table; empty if no single table did.
        column: Column that refused a NULL, without quotes; empty if none did.
    """

    statement: ApplicationStatement
    error: str
    sqlstate: str
    when_prepared: bool = False
    relation: str = ""
    column: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether another table refused it, to which a trigger or the action of a foreign key writes."""
        # Without schemas, because the schema of a recorded statement is not known.
        own, refusing = (name.rpartition(".")[2].strip('"').lower() for name in (self.statement.table, self.relation))
        return bool(own and refusing) and own != refusing

    def __str__(self) -> str:
        """Return the statement and its error as a sentence."""
        sender = f", sent by the role {self.statement.role}," if self.statement.role else ""
        prepared = ", prepared before," if self.when_prepared else ""
        return f"{self.statement.sql}{sender or prepared} fails: {self.error}"


@dataclass(frozen=True)
class Shadowed:
    """An object whose name without a schema means another one to a new session, or none.

    Attributes:
        kind: `table`, `view`, `sequence` or `function`.
        name: Qualified name of the object, which is there as before.
        by: Qualified name of what its name means now; empty for nothing.
    """

    kind: str
    name: str
    by: str


@dataclass(frozen=True)
class Compatibility:
    """The results of the statements of one release on the schema of another.

    Attributes:
        tried: Number of statements that succeeded on their own schema.
        broken: Statements that fail on the other schema.
        untried: Tables without a statement that could be tried, with the reason.
        inserted: Tables into which an INSERT succeeded before.
        ends_sessions: Whether a session that was open before has been terminated.
        shadowed: Objects that statements without a schema no longer reach.
    """

    tried: int
    broken: tuple[BrokenStatement, ...] = ()
    untried: Mapping[str, str] = field(default_factory=dict)
    inserted: frozenset[str] = frozenset()
    ends_sessions: bool = False
    shadowed: tuple[Shadowed, ...] = ()

    def still_inserts(self, table: str) -> bool:
        """Return whether all INSERTs into a table that succeeded before still succeed; False if none was tried."""
        return table in self.inserted and "INSERT" not in self.failing(table)

    def failing(self, table: str) -> set[str]:
        """Return the commands of which a statement on a table fails now: `SELECT`, `INSERT` and so on.

        An INSERT that lacks only the key of its ON CONFLICT does not count, nor what fails only for some role.
        """
        statements = (
            broken.statement
            for broken in self.broken
            if broken.statement.table == table and broken.sqlstate != _NO_SUCH_KEY and not broken.statement.role
        )
        return {statement.sql.split(maxsplit=1)[0].upper() for statement in statements}


def breaks(broken: BrokenStatement, constraint: str = "") -> bool:
    """Return whether an error comes from the schema, and not from the values that happened to be tried.

    A new CHECK, unique or foreign key constraint may refuse made-up values that no application writes. Other errors
    affect every statement of the same form: a missing column, a type that cannot take the value, a row that fits no
    partition, a NULL that was allowed. So do errors of a trigger that writes to another table, because the statement
    does not choose those values.

    Args:
        broken: The statement with its error.
        constraint: Name of the constraint that refused it; empty if none did.
    """
    if broken.sqlstate == _CHECK and not constraint:
        return True
    if broken.elsewhere and broken.sqlstate in {_CHECK, _NULL}:
        return True
    return broken.sqlstate not in _VALUES
