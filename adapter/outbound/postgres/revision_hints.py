"""The usual advice for a statement of a revision that the server refused, by SQLSTATE."""

# The usual advice for a revision, by SQLSTATE (PostgreSQL manual, appendix A).
_HINTS = {
    "22001": "The text is longer than the column: widen the column, or shorten the text first.",
    "22003": "A number does not fit in its type: use a larger type, or correct the rows first.",
    "22P02": "A value cannot be read as the new type: correct those rows in an earlier revision.",
    "23502": "Rows have no value there: add the column nullable or with a server_default, fill it, SET NOT NULL.",
    "23503": "A row refers to a row that is not there: delete or correct such rows in an earlier revision.",
    "23505": "Rows have the same value twice: merge or correct them in an earlier revision.",
    "23514": "Rows break the condition: correct them in an earlier revision, or add it NOT VALID and validate later.",
    "23P01": "Rows exclude each other: correct them in an earlier revision.",
    "25001": "This statement needs no transaction around it: with op.get_context().autocommit_block():",
    "2BP01": "Drop what depends on it first, in this revision.",
    "34000": "Such a cursor ended with its transaction: read the rows at once.",
    "42601": "Correct the statement.",
    "42701": "The column exists already, made by hand or by a run that was not stamped. Compare: alembic check",
    "42703": "There is no such column: check the name, and whether an earlier revision adds it.",
    "42704": "It does not exist: check the name, and whether an earlier revision creates it.",
    "42710": "It exists already, made by hand or by a run that was not stamped. Compare: alembic check",
    "42804": "Postgres cannot convert between the types by itself: say how, with postgresql_using.",
    "42830": "The column that is referred to needs a unique constraint first.",
    "42883": "There is no such function or operator for these types: cast them, or create it before.",
    "42P01": "There is no such table: check the name and the schema, and whether an earlier revision creates it.",
    "42P06": "The schema exists already, made by hand or by a run that was not stamped.",
    "42P07": "It exists already, made by hand or by a run that was not stamped. Compare: alembic check; if all of the "
    "revision is there: alembic stamp {revision}",
    "42P16": "Postgres cannot define the table like that: compare it with the existing objects.",
    "55000": "The object is not in a state that allows this; see the server's message.",
    "55006": "Another session uses it: end that session first.",
    "55P04": "A new value of an enum can be used after it is committed: add it in a revision of its own.",
}
# The detail of these names a key or an object; the detail of others shows whole rows.
DETAILED = frozenset({"23503", "23505", "23P01", "2BP01", "42804"})
OTHER = "Correct the revision, or the rows that it meets, then run this again."


def hint_for(sqlstate: str, revision: str) -> str:
    """Return the advice for an SQLSTATE; empty if there is none.

    Args:
        sqlstate: The SQLSTATE of the error.
        revision: ID of the revision that failed, for commands in the advice.
    """
    return _HINTS.get(sqlstate, "").format(revision=revision)
