"""Parent rows that foreign keys refer to, in other tables or in the same one."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Iterable, Mapping, Sequence

from adapter.outbound.migration.rows.catalog import Column, ForeignKey, Table
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session, Source, all_of
from adapter.outbound.migration.rows.quoting import literal, quote

_PARENTS = 10_000


def pick_parents(
    session: Session, plan: Plan, key: ForeignKey, keys: Sequence[ForeignKey], null_columns: set[int]
) -> None:
    """Let a foreign key pick existing rows, unless its columns have been decided already."""
    table = plan.table
    chosen_columns = {number: plan.fixed[number] for number in key.columns if number in plan.fixed}
    if len(chosen_columns) == len(key.columns):
        return
    source = _source(session, plan, key, keys, chosen_columns)
    if source.count == 0:
        nullable_columns = [
            number for number in key.columns if not table.columns[number].not_null and number not in chosen_columns
        ]
        if not nullable_columns:
            raise CannotFillError(f"foreign key {key.name}: {session.name(key.parent)} has no rows to refer to")
        null_columns.update(nullable_columns)
        return
    plan.sources.append(source)
    for number in key.columns:
        plan.fixed.setdefault(number, source.column(number))
    required_columns = [
        number for number in key.columns if table.columns[number].not_null and number not in chosen_columns
    ]
    if chosen_columns and required_columns:
        plan.filters += [f"r.{table.columns[number].quoted} IS NOT NULL" for number in required_columns]


def _source(
    session: Session, plan: Plan, key: ForeignKey, keys: Sequence[ForeignKey], chosen_columns: Mapping[int, str]
) -> Source:
    table, parent = plan.table, session.source(key.parent)
    names = column_names(session, key.parent, key.parent_columns)
    columns = [f"p.{name}" for name in names]
    conditions = [f"{column} IS NOT NULL" for column in columns] + _checked_parents(table, key, columns)
    if key.unclaimed:
        key_matches = " AND ".join(
            f"o.{table.columns[number].quoted} = {column}" for number, column in zip(key.columns, columns, strict=True)
        )
        conditions.append(f"NOT EXISTS (SELECT FROM {table.source} o WHERE {key_matches})")
    narrower = [
        narrower_key for narrower_key in keys if narrower_key != key and set(narrower_key.columns) <= set(key.columns)
    ]
    conditions += [_also_in(session, key, narrower_key, columns) for narrower_key in narrower]
    key_columns = ", ".join(f"{column} AS k{place}" for place, column in enumerate(columns))
    # the columns that a foreign key refers to are unique; the columns of a reversed key are not
    distinct = "DISTINCT" if key.unclaimed else ""
    inner = f"SELECT {distinct} {key_columns} FROM {parent} p WHERE {' AND '.join(conditions)}"
    order = ", ".join(f"k{place}" for place in range(len(columns)))
    limit = max(_PARENTS, session.rows)
    count = int(session.value_of(f"SELECT count(*) FROM (SELECT FROM ({inner}) d LIMIT {limit}) c"))
    inner = f"SELECT * FROM ({inner}) d ORDER BY {order} LIMIT {limit}"
    groups = ", ".join(f"k{key.columns.index(number)}" for number in chosen_columns)
    if groups:
        numbered = f"row_number() OVER (PARTITION BY {groups} ORDER BY {order}) - 1 AS n"
        query = f"SELECT *, {numbered}, count(*) OVER (PARTITION BY {groups}) AS c FROM ({inner}) i"
    else:
        query = f"SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS n, {count}::int8 AS c FROM ({inner}) i"
    optional = not key.unclaimed and not any(
        table.columns[number].not_null
        or number in table.distinct
        or number in chosen_columns
        or any(number in check.columns for check in table.checks)
        for number in key.columns
    )
    same_parent = [source for source in plan.sources if source.key.parent == key.parent]
    twin = next((source for source in same_parent if source.key.parent_columns == key.parent_columns), None)
    beside = twin.alias if twin is not None and chosen_columns else ""
    return Source(f"f{len(plan.sources)}", key, query, chosen_columns, count, optional, len(same_parent), beside)


def _checked_parents(table: Table, key: ForeignKey, columns: Sequence[str]) -> list[str]:
    """Return the conditions that the checks of the child impose on its parents."""
    checks = [check.expression for check in table.checks if check.columns and set(check.columns) <= set(key.columns)]
    if not checks:
        return []
    aliased = ", ".join(
        f"{column} AS {table.columns[number].quoted}" for number, column in zip(key.columns, columns, strict=True)
    )
    return [f"(SELECT {all_of(checks)} FROM (SELECT {aliased}) s)"]


def column_names(session: Session, relation: int, numbers: Iterable[int]) -> list[str]:
    """Return the quoted names of columns; the relation may also be a partition."""
    if relation in session.schema.tables:
        return [session.schema.tables[relation].columns[number].quoted for number in numbers]
    query = "SELECT attname FROM pg_attribute WHERE attrelid = {} AND attnum = {}"
    return [quote(str(session.value_of(query.format(relation, number)))) for number in numbers]


def _also_in(session: Session, key: ForeignKey, other: ForeignKey, columns: Sequence[str]) -> str:
    """Return the condition that a parent row also satisfies a narrower foreign key on some of the same columns."""
    names = column_names(session, other.parent, other.parent_columns)
    key_matches = " AND ".join(
        f"q.{name} = {columns[key.columns.index(number)]}" for name, number in zip(names, other.columns, strict=True)
    )
    return f"EXISTS (SELECT FROM {session.source(other.parent)} q WHERE {key_matches})"


def make_roots(plan: Plan, key: ForeignKey, null_columns: set[int]) -> None:
    """Let the first rows refer to nothing, or to themselves where the foreign key cannot be NULL."""
    table = plan.table
    nullable_columns = [
        number for number in key.columns if not table.columns[number].not_null and number not in plan.fixed
    ]
    if nullable_columns:
        null_columns.update(nullable_columns)
        return
    for number, target in zip(key.columns, key.parent_columns, strict=True):
        column = table.columns[target]
        if target not in plan.fixed:
            value = _own_default(table, column)
            plan.extra += f" CROSS JOIN LATERAL (SELECT ({value})::{column.type_sql} AS v, g AS of) d{target}"
            plan.fixed[target] = f"d{target}.v"
        plan.fixed[number] = plan.fixed[target]


def _own_default(table: Table, column: Column) -> str:
    if column.identity:
        return f"nextval(pg_get_serial_sequence({literal(table.sql)}, {literal(column.name)}))"
    return column.default if column.default is not None else "g"
