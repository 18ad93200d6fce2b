"""A constraint is added, and every existing row is checked while others wait.

ADD CONSTRAINT … CHECK holds ACCESS EXCLUSIVE on the table while it checks every row. UNIQUE, PRIMARY KEY and EXCLUDE
hold it while they build their index. Reads and writes wait. A FOREIGN KEY holds SHARE ROW EXCLUSIVE on both tables
while it looks up every row, and writes wait. The safe way for checks and foreign keys is to add them NOT VALID, to
commit, and to validate them, which blocks neither reads nor writes:

    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email")
    op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")

For unique and primary keys, build the index concurrently, and let the constraint adopt it:

    with op.get_context().autocommit_block():
        op.drop_index("uq_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("uq_users_email", "users", ["email"], unique=True, postgresql_concurrently=True)
    op.execute("ALTER TABLE users ADD CONSTRAINT uq_users_email UNIQUE USING INDEX uq_users_email")

An exclusion constraint has no such form. Create a new table with the constraint, and move the rows there.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import (
    added,
    constraints_on,
    has_checked_type,
    has_key_before,
    referenced_table,
    statement_of,
)
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import (
    TakenOver,
    added_before,
    can_stay,
    comments,
    dropped_before,
    is_named_between,
    on_table,
)
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.filled_column import FilledColumn
from domain.migration.forms.form import Form, Step, together
from domain.migration.forms.key_from_index import NEW, KeyFromIndex
from domain.migration.forms.made_names import free_name, taken_relations, with_suffix
from domain.migration.forms.not_null import NotNull
from domain.migration.forms.primary_key import PrimaryKey
from domain.migration.forms.validated_constraint import ValidatedConstraint
from domain.migration.index_definition import after_using, first_list, key_columns
from domain.migration.names import mention, split
from domain.migration.op_code import execute
from domain.migration.repair.definitions import column_definition
from domain.migration.snapshot import SchemaSnapshot, attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace

CODE = "constraint-validated-at-once"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BLOCKS = True
BAD = Example(
    USERS,
    'op.create_check_constraint("ck_users_email", "users", "email <> \'\'")',
    'op.drop_constraint("ck_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_email")
op.create_check_constraint("ck_users_email", "users", "email <> ''", postgresql_not_valid=True)
with op.get_context().autocommit_block():
    op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_email")
""",
    'op.drop_constraint("ck_users_email", "users")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report constraints that scan a table, or build an index, under a blocking lock."""
    advice = (
        "Add the constraint without a check of the existing rows, commit, and validate it afterwards: NOT VALID and "
        "VALIDATE CONSTRAINT, or an index that is built concurrently and that the constraint adopts."
    )
    return work_diagnostics(trace, statistics, Cause.CONSTRAINT, CODE, advice, fix=_fix)


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    tables = [item.work.table, *(window.table for window in item.windows)]
    for table in dict.fromkeys(tables):
        names = [
            name
            for name in constraints_on(trace, table, item.work.statement)
            if not attributes(trace.after, "constraint", name).get("inherited")  # only its parent may drop it
        ]
        statement = item.work.statement
        forms = {name: form for name in names if (form := _form_of_new(trace, table, name, statement))}
        if forms:
            columns = _columns(trace, table, statement, forms)
            steps = [_column(trace, name) for name in columns]
            if any(step is None for step in steps):
                return None
            # A second run of the revision meets what the first autocommit block has committed.
            whole = together([*(step for step in steps if step), *(form.at_once for form in forms.values())])
            return comments(_taken_over(trace, statement, columns, forms)) + whole.fix
    return None


def _columns(trace: RevisionTrace, table: str, statement: int, constraints: Iterable[str]) -> list[str]:
    """Return the new columns that the code adds along with the constraints.

    These are the columns that the statement creates itself, and those that the definitions name and earlier statements
    create under this name. The latter stay where they are if the constraints have to come behind what is in between.
    """
    entries = [attributes(trace.after, "constraint", name) for name in constraints]
    definitions = " ".join(str(entry["definition"]) for entry in entries)
    new = [name for name in added(trace, "column") if split(name)[0] == table]
    own = {changed.name for changed in trace.upgrade[statement].created if changed.kind == "table column"}
    earlier = [name for name in new if name not in own and mention(name).search(definitions)]
    if any(_is_behind(trace, name) for name in constraints) or not all(
        _can_come_later(trace, statement, name) for name in earlier
    ):
        earlier = []
    return [name for name in new if name in {*own, *earlier}]


def _can_come_later(trace: RevisionTrace, statement: int, column: str) -> bool:
    """Return whether an earlier statement adds a column as it is in the end, and nothing in between needs it."""
    changed = ChangedObject("table column", column)
    addition = added_before(trace, statement, changed)
    if addition is None or is_named_between(trace, addition, statement, column):
        return False
    changes_later = any(changed in step.altered for step in trace.upgrade[addition + 1 :])
    loses_not_null = attributes(trace.after, "column", column)["not_null"] and _is_added_empty(trace, column)
    return not (changes_later or loses_not_null)


def _taken_over(
    trace: RevisionTrace, statement: int, columns: Iterable[str], constraints: Iterable[str]
) -> Iterator[TakenOver]:
    """Return what the code does in the place of other statements."""
    for name in columns:
        addition = added_before(trace, statement, ChangedObject("table column", name))
        if addition is not None:
            yield TakenOver(addition, f"ADD COLUMN {split(name)[1]}")
    for name in constraints:
        drop = dropped_before(trace, statement, on_table(name))
        if drop is not None and _takes_the_place(trace, name, statement):
            yield TakenOver(drop, f"DROP CONSTRAINT {split(name)[1]}")
        for later in range(statement + 1, len(trace.upgrade)):
            if on_table(name) in trace.upgrade[later].created:  # it adopts the index of this statement
                yield TakenOver(later, f"ADD CONSTRAINT {split(name)[1]}")


def _column(trace: RevisionTrace, column: str) -> Step | None:
    """Return a step that adds a column without a scan or a rewrite, None where there is no such step.

    The column is added empty where its default would rewrite the table, and where it has no value of its own.
    """
    table, definition = split(column)[0], attributes(trace.after, "column", column)
    of_no_way = definition.get("generated") or definition.get("identity") or has_checked_type(trace.after, column)
    if _rewrites(trace, column) and of_no_way:
        return None
    if _is_added_empty(trace, column):
        return FilledColumn.of(trace.after, column, added(trace, "sequence"), if_missing=True).expand
    assert trace.after is not None  # noqa: S101 - it is a column of that
    addition = execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column_definition(column, trace.after)}")
    return Step((addition,), FilledColumn.of(trace.after, column, added(trace, "sequence")).expand.downgrade)


def _rewrites(trace: RevisionTrace, column: str) -> bool:
    """Return whether the statement that adds a column writes its table anew."""
    statement = statement_of(trace, "column", column)
    return statement is not None and split(column)[0] in trace.upgrade[statement].rewritten


def _is_added_empty(trace: RevisionTrace, column: str) -> bool:
    definition = attributes(trace.after, "column", column)
    has_value = definition.get("default") or definition.get("generated") or definition.get("identity")
    return _rewrites(trace, column) or not has_value


def _is_behind(trace: RevisionTrace, constraint: str) -> bool:
    """Return whether a foreign key refers to a key that a table in use gets by an earlier statement."""
    definition = str(attributes(trace.after, "constraint", constraint)["definition"])
    table, columns = referenced_table(definition), first_list(definition.partition(" REFERENCES ")[2])
    return table in trace.tables and not has_key_before(trace, str(table), columns)


def _takes_the_place(trace: RevisionTrace, constraint: str, statement: int) -> bool:
    """Return whether the constraint replaces one of its name, which could stay until this statement."""
    drop = dropped_before(trace, statement, on_table(constraint))
    return bool(attributes(trace.before, "constraint", constraint)) and (
        drop is None or (not _is_behind(trace, constraint) and can_stay(trace, split(constraint)[0], drop, statement))
    )


def _form_of_new(trace: RevisionTrace, table: str, constraint: str, statement: int) -> Form | None:
    """Return the form of a constraint that the upgrade added; None where there is none."""
    replaces = _takes_the_place(trace, constraint, statement)
    restoration = _restoration(trace, table, constraint) if replaces else ()
    form = _form(trace, trace.after, table, constraint, replaces=replaces, restoration=restoration)
    required = _required(trace, table, constraint)
    # A primary key refuses a new column, which is empty.
    if form is None or any(name in added(trace, "column") for name in required):
        return None
    return (
        PrimaryKey(form, tuple(NotNull.of(name, trace.before, trace.after) for name in required))
        if isinstance(form, KeyFromIndex) and required
        else form
    )


def _restoration(trace: RevisionTrace, table: str, constraint: str) -> tuple[str, ...]:
    """Return operations that restore the constraint that one of the same name has replaced."""
    previous, name = attributes(trace.before, "constraint", constraint), split(constraint)[1]
    form = None if previous.get("validated") is False else _form(trace, trace.before, table, constraint, replaces=True)
    if form is not None:
        return form.at_once.upgrade
    return (execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} {previous['definition']}"),)


def _required(trace: RevisionTrace, table: str, constraint: str) -> list[str]:
    """Return the columns that a primary key makes NOT NULL."""
    if attributes(trace.after, "constraint", constraint).get("type") != "primary key":
        return []
    index = attributes(trace.after, "index", f"{split(table)[0]}.{split(constraint)[1]}")
    columns = [f"{table}.{column}" for column in key_columns(str(index.get("definition", "")))]
    return [name for name in columns if not attributes(trace.before, "column", name).get("not_null")]


def _form(
    trace: RevisionTrace,
    catalog: SchemaSnapshot | None,
    table: str,
    constraint: str,
    *,
    replaces: bool,
    restoration: tuple[str, ...] = (),
) -> ValidatedConstraint | KeyFromIndex | None:
    """Return the form of a constraint of a catalog; None where a constraint of this kind has none.

    Args:
        trace: Trace of the revision, in whose schemas made names must be free.
        catalog: Schema that has the constraint.
        table: Its table.
        constraint: Its name.
        replaces: Whether a constraint of this name exists and must be dropped.
        restoration: Operations that restore that one.
    """
    entry = attributes(catalog, "constraint", constraint)
    name, kind, definition = split(constraint)[1], entry.get("type"), entry.get("definition")
    partitioned = attributes(catalog, "table", table).get("kind") == "partitioned table"
    if kind == "check" or (kind == "foreign key" and not partitioned):
        return ValidatedConstraint(table, name, str(definition), restoration)
    index = attributes(catalog, "index", f"{split(table)[0]}.{name}").get("definition")
    if kind not in {"unique", "primary key"} or partitioned or not index:
        return None
    if not after_using(str(index)).startswith("btree "):
        return None  # a key WITHOUT OVERLAPS adopts no index
    options = str(definition).rpartition(")")[2]  # what follows the columns: DEFERRABLE
    taken = taken_relations(split(table)[0], trace.before, trace.after)
    new_index = free_name(partial(with_suffix, name), NEW, taken)
    return KeyFromIndex(table, name, str(kind).upper(), str(index), options, replaces, restoration, new_index)
