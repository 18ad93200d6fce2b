"""A trigger that keeps two columns alike while old code writes one of them and new code the other."""

from collections.abc import Collection
from dataclasses import dataclass

from domain.migration.forms.made_names import free_name, plain_name, taken_functions, taken_in_table
from domain.migration.names import split
from domain.migration.op_code import execute
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class DualWrite:
    """A trigger on both columns.

    The values are compared as texts, because some types have no equality. A value is converted back only if it is not
    what the conversion of the other one gives, so that rounding changes nothing.

    Attributes:
        table: Qualified name of the table.
        old: Column that old code writes, quoted where SQL needs that.
        new: Column that new code writes.
        name: Name of the trigger and its function.
        required: Whether a column refuses NULL, so that a NULL for the new one means that it was not written.
    """

    table: str
    old: str
    new: str
    name: str
    required: bool = False

    @classmethod
    def of(
        cls, table: str, old: str, new: str, *, required: bool = False, catalogs: Collection[SchemaSnapshot | None] = ()
    ) -> "DualWrite":
        """Return the trigger of two columns, with a name made of theirs.

        In none of the catalogs has another trigger of the table or another function of its schema that name.
        """
        taken = taken_in_table("trigger", table, *catalogs) | taken_functions(split(table)[0], *catalogs)
        name = free_name(lambda suffix: plain_name(table, old, new, suffix=suffix), "_alike", taken)
        return cls(table, old, new, name, required)

    @property
    def created(self) -> tuple[str, ...]:
        """Operations that create the function and the trigger; they can run again."""
        return (
            self.function,
            execute(f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}"),
            execute(
                f"CREATE TRIGGER {self.name} BEFORE INSERT OR UPDATE ON {self.table} "
                f"FOR EACH ROW EXECUTE FUNCTION {self._function}()"
            ),
        )

    @property
    def dropped(self) -> tuple[str, ...]:
        """Operations that drop the trigger and the function."""
        return (
            execute(f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}"),
            execute(f"DROP FUNCTION IF EXISTS {self._function}()"),
        )

    @property
    def function(self) -> str:
        """The operation that creates the function, or replaces it."""
        filled = f" AND NEW.{self.new} IS NOT NULL" * self.required
        return execute(f"""CREATE OR REPLACE FUNCTION {self._function}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    converted {self.table}.{self.new}%TYPE := NEW.{self.old};
    written boolean := NEW.{self.new} IS NOT NULL;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        written := NEW.{self.new}::text IS DISTINCT FROM OLD.{self.new}::text{filled};
    END IF;
    IF NOT written THEN
        NEW.{self.new} := converted;
    ELSIF NEW.{self.new}::text IS DISTINCT FROM converted::text THEN
        NEW.{self.old} := NEW.{self.new};
    END IF;
    RETURN NEW;
END
$$""")

    def turned(self) -> "DualWrite":
        """Return the trigger under the same name for the other direction."""
        return DualWrite(self.table, self.new, self.old, self.name, self.required)

    @property
    def _function(self) -> str:
        schema = split(self.table)[0]
        return f"{schema}.{self.name}" if schema else self.name
