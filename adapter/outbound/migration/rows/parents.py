"""Rows of other tables, or of the same, that foreign keys pick from."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Iterable, Mapping, Sequence

from adapter.outbound.migration.rows.catalog import Column, ForeignKey, Table
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session, Source, all_of
from adapter.outbound.migration.rows.quoting import literal, quote

_PARENTS = 10_000


def pick_parents(session: Session, plan: Plan, key: ForeignKey, keys: Sequence[ForeignKey], absent: set[int]) -> None:
    """Let a foreign key choose existing rows, unless its columns are chosen already."""
    table = plan.table
    chosen = {number: plan.fixed[number] for number in key.columns if number in plan.fixed}
    if len(chosen) == len(key.columns):
        return
    source = _source(session, plan, key, keys, chosen)
    if source.count == 0:
        missing = [number for number in key.columns if not table.columns[number].not_null and number not in chosen]
        if not missing:
            raise CannotFillError(f"foreign key {key.name}: {session.name(key.parent)} has no rows to refer to")
        absent.update(missing)
        return
    plan.sources.append(source)
    for number in key.columns:
        plan.fixed.setdefault(number, source.column(number))
    needed = [number for number in key.columns if table.columns[number].not_null and number not in chosen]
    if chosen and needed:
        plan.filters += [f"r.{table.columns[number].quoted} IS NOT NULL" for number in needed]


def _source(
    session: Session, plan: Plan, key: ForeignKey, keys: Sequence[ForeignKey], chosen: Mapping[int, str]
) -> Source:
    table, parent = plan.table, session.source(key.parent)
    names = column_names(session, key.parent, key.parent_columns)
    columns = [f"p.{name}" for name in names]
    conditions = [f"{column} IS NOT NULL" for column in columns] + _checked_parents(table, key, columns)
    if key.unclaimed:
        same = " AND ".join(
            f"o.{table.columns[number].quoted} = {column}" for number, column in zip(key.columns, columns, strict=True)
        )
        conditions.append(f"NOT EXISTS (SELECT FROM {table.source} o WHERE {same})")
    narrower = [other for other in keys if other != key and set(other.columns) <= set(key.columns)]
    conditions += [_also_in(session, key, other, columns) for other in narrower]
    picked = ", ".join(f"{column} AS k{place}" for place, column in enumerate(columns))
    # what a foreign key refers to is unique
    distinct = "DISTINCT" if key.unclaimed else ""
    inner = f"SELECT {distinct} {picked} FROM {parent} p WHERE {' AND '.join(conditions)}"
    order = ", ".join(f"k{place}" for place in range(len(columns)))
    most = max(_PARENTS, session.rows)
    count = int(session.one(f"SELECT count(*) FROM (SELECT FROM ({inner}) d LIMIT {most}) c"))
    inner = f"SELECT * FROM ({inner}) d ORDER BY {order} LIMIT {most}"
    groups = ", ".join(f"k{key.columns.index(number)}" for number in chosen)
    if groups:
        numbered = f"row_number() OVER (PARTITION BY {groups} ORDER BY {order}) - 1 AS n"
        query = f"SELECT *, {numbered}, count(*) OVER (PARTITION BY {groups}) AS c FROM ({inner}) i"
    else:
        query = f"SELECT *, row_number() OVER (ORDER BY {order}) - 1 AS n, {count}::int8 AS c FROM ({inner}) i"
    optional = not key.unclaimed and not any(
        table.columns[number].not_null
        or number in table.distinct
        or number in chosen
        or any(number in check.columns for check in table.checks)
        for number in key.columns
    )
    others = [source for source in plan.sources if source.key.parent == key.parent]
    twin = next((source for source in others if source.key.parent_columns == key.parent_columns), None)
    beside = twin.alias if twin is not None and chosen else ""
    return Source(f"f{len(plan.sources)}", key, query, chosen, count, optional, len(others), beside)


def _checked_parents(table: Table, key: ForeignKey, columns: Sequence[str]) -> list[str]:
    """Return the conditions that the checks of the child put on its parents."""
    checks = [check.expression for check in table.checks if check.columns and set(check.columns) <= set(key.columns)]
    if not checks:
        return []
    named = ", ".join(
        f"{column} AS {table.columns[number].quoted}" for number, column in zip(key.columns, columns, strict=True)
    )
    return [f"(SELECT {all_of(checks)} FROM (SELECT {named}) s)"]


def column_names(session: Session, relation: int, numbers: Iterable[int]) -> list[str]:
    """Return the quoted names of columns, of partitions too."""
    if relation in session.schema.tables:
        return [session.schema.tables[relation].columns[number].quoted for number in numbers]
    query = "SELECT attname FROM pg_attribute WHERE attrelid = {} AND attnum = {}"
    return [quote(str(session.one(query.format(relation, number)))) for number in numbers]


def _also_in(session: Session, key: ForeignKey, other: ForeignKey, columns: Sequence[str]) -> str:
    """Return the condition that a parent's key is one of another foreign key's parents as well."""
    names = column_names(session, other.parent, other.parent_columns)
    same = " AND ".join(
        f"q.{name} = {columns[key.columns.index(number)]}" for name, number in zip(names, other.columns, strict=True)
    )
    return f"EXISTS (SELECT FROM {session.source(other.parent)} q WHERE {same})"


def make_roots(plan: Plan, key: ForeignKey, absent: set[int]) -> None:
    """Let the first rows refer to nothing, or to themselves where they have to refer to something."""
    table = plan.table
    missing = [number for number in key.columns if not table.columns[number].not_null and number not in plan.fixed]
    if missing:
        absent.update(missing)
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
