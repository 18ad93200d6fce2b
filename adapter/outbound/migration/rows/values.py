"""Expressions that compute values of a type from a number."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapter.outbound.migration.rows.catalog import Schema, Type
from adapter.outbound.migration.rows.quoting import literal

_INDEX = "%i%"  # placeholder in an expression for the number that the value is computed from


@dataclass(frozen=True)
class Values:
    """An expression of the row's number.

    Attributes:
        expression: SQL with `_INDEX` in the place of the number, which starts at 1.
        count: Number of distinct values; 0 when each number has its own value.
    """

    expression: str
    count: int = 0

    def at(self, index: str) -> str:
        """Return the expression with `index` in the place of the number."""
        return self.expression.replace(_INDEX, f"({index})")


NULL = Values("NULL", 1)
N = _INDEX
# An address of each private network in turn, so that a condition on one of them is not met by every row.
_NETWORK = f"(ARRAY[inet '10.0.0.0', '172.16.0.0', '192.168.0.0'])[1 + ({N} % 3)::int]"

_SIMPLE: dict[str, tuple[str, int]] = {
    "bool": (f"({N} % 2 = 0)", 2),
    "int2": (f"(1 + ({N} - 1) % 32767)", 32_767),
    "int4": (N, 0),
    "int8": (N, 0),
    "oid": (N, 0),
    "float4": (f"{N} * 0.5", 0),
    "float8": (f"{N} * 0.5", 0),
    "money": (f"{N}::numeric", 0),
    "char": (f"chr((97 + {N} % 26)::int)", 26),
    "name": (f"'value-' || {N}", 0),
    "uuid": (f"md5({N}::text)", 0),
    "date": (f"date '2024-01-01' + ({N} % 36500)::int", 36_500),
    "timestamp": (f"timestamp '2024-01-01' + {N} * interval '1 minute'", 0),
    "timestamptz": (f"timestamptz '2024-01-01 00:00+00' + {N} * interval '1 minute'", 0),
    "time": (f"time '00:00' + {N} * interval '1 second'", 86_400),
    "timetz": (f"(time '00:00' + {N} * interval '1 second')::text || '+00'", 86_400),
    "interval": (f"{N} * interval '1 minute'", 0),
    "json": (f"json_build_object('n', {N}, 'name', 'value-' || {N})", 0),
    "jsonb": (f"jsonb_build_object('n', {N}, 'name', 'value-' || {N})", 0),
    "jsonpath": (f"'$.n' || {N}", 0),
    "inet": (f"{_NETWORK} + {N}", 0),
    "cidr": (f"{_NETWORK} + {N}", 0),
    "macaddr": (f"lpad(to_hex({N}), 12, '0')", 0),
    "macaddr8": (f"lpad(to_hex({N}), 16, '0')", 0),
    "bytea": (f"decode(md5({N}::text), 'hex')", 0),
    "xml": (f"'<row n=\"' || {N} || '\"/>'", 0),
    "tsvector": (f"to_tsvector('simple', 'word' || {N} || ' of a text')", 0),
    "tsquery": (f"'word' || {N}", 0),
    "point": (f"point({N}, -{N})", 0),
    "line": (f"line(point({N}, 0), point(0, {N} + 1))", 0),
    "lseg": (f"lseg(point({N}, 0), point({N}, 1))", 0),
    "box": (f"box(point(2 * {N}, 0), point(2 * {N} + 1, 1))", 0),
    "path": (f"'((' || {N} || ',0),(' || {N} || ',1))'", 0),
    "polygon": (f"polygon(box(point(2 * {N}, 0), point(2 * {N} + 1, 1)))", 0),
    "circle": (f"circle(point(3 * {N}, 0), 1)", 0),
    "pg_lsn": (f"'0/' || to_hex({N})", 0),
    "xid8": (f"{N}::text", 0),
    "hstore": (f"'n=>' || {N}", 0),
    "ltree": (f"'root.n' || {N}", 0),
    "cube": (f"'(' || {N} || ')'", 0),
    "seg": (f"{N}::text", 0),
    "geometry": (f"'POINT(' || {N} % 180 || ' ' || ({N} / 180) % 90 || ')'", 16_200),
    "geography": (f"'POINT(' || {N} % 180 || ' ' || ({N} / 180) % 90 || ')'", 16_200),
}

TEXTS = {"text", "varchar", "bpchar", "citext"}
NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric", "money"}
TIMES = {"date", "timestamp", "timestamptz"}

# xml, seg and cube are probed: a server may lack XML, and versions of the extensions differ
KNOWN = (_SIMPLE.keys() | TEXTS | {"numeric", "bit", "varbit", "vector", "halfvec", "sparsevec"}) - {
    "xml",
    "seg",
    "cube",
}

_LONGEST_WORD = 36  # characters of a UUID, which is longer than most values
# Characters of the values of shorter types.
_LENGTHS = {"bool": 5, "int2": 5, "int4": 5, "int8": 5, "numeric": 5, "float4": 6, "float8": 6, "date": 10, "time": 8}
LONG = 12  # from this many characters on, a text has room for a word and a number


def default_values(schema: Schema, oid: int, modifier: int, texts: str) -> Values:
    """Return the values of a type that has to pass no check."""
    kind, modifier = schema.base(oid, modifier)
    maker = {"e": _enum, "r": _range, "m": _multirange, "c": _composite}.get(kind.kind)
    if maker:
        return maker(schema, kind, texts)
    if kind.category == "A" and kind.element:
        return _array(schema, kind, modifier, texts)
    other_type = read_as(schema, kind, modifier)
    if other_type is not None:
        values = _scalar(other_type.name, -1, texts)
        return Values(f"(({values.expression})::{other_type.sql})::text", values.count)
    return _scalar(kind.name, modifier, texts)


def read_as(schema: Schema, kind: Type, modifier: int) -> Type | None:
    """Return the type that the values of a column have to be valid input of; None for any other column.

    Only texts can be asked for that. A column that is too short has no room for such values.
    """
    if kind.name not in TEXTS or schema.texts_as is None:
        return None
    length = _LENGTHS.get(schema.texts_as.name, _LONGEST_WORD)
    return None if 0 < modifier - 4 < length else schema.texts_as


def _scalar(name: str, modifier: int, texts: str) -> Values:
    if name in TEXTS:
        return _text(modifier - 4 if modifier >= 4 else 0)  # noqa: PLR2004 - the length word before the characters
    if name == "numeric":
        return _numeric(modifier)
    if name in {"bit", "varbit"}:
        return _bits(name, modifier)
    if name in {"vector", "halfvec", "sparsevec"}:
        return _vector(name, modifier, texts)
    expression, count = _SIMPLE.get(name, (f"{N}::text", 0))
    return Values(expression, count)


def _enum(_schema: Schema, kind: Type, _texts: str) -> Values:
    return pool_of(list(kind.labels), kind.sql) if kind.labels else NULL


def pool_of(literals: Sequence[str], type_sql: str) -> Values:
    """Return values that cycle through the literals."""
    items = ", ".join(f"{literal(text)}::{type_sql}" for text in literals)
    if len(literals) == 1:
        return Values(items, 1)
    # CASE instead of an array: not every type has an array type, and arrays of arrays are matrices
    cases = " ".join(f"WHEN {number} THEN {literal(text)}" for number, text in enumerate(literals))
    return Values(f"(CASE {N} % {len(literals)} {cases} END)", len(literals))


def _range(schema: Schema, kind: Type, texts: str) -> Values:
    values = default_values(schema, kind.subtype, -1, texts)
    subtype = schema.types[kind.subtype].sql
    low, high = (f"({values.at(f'2 * {N} + {step}')})::{subtype}" for step in (0, 1))
    return Values(f"{kind.sql}(least({low}, {high}), greatest({low}, {high}))", values.count // 2)


def _multirange(schema: Schema, kind: Type, texts: str) -> Values:
    values = _range(schema, schema.types[kind.subtype], texts)
    return Values(f"{kind.sql}({values.expression})", values.count)


def _composite(schema: Schema, kind: Type, texts: str) -> Values:
    parts = [
        f"({default_values(schema, field.type, field.modifier, texts).expression})::{field.type_sql}"
        for field in schema.fields.get(kind.relation, ())
    ]
    return Values(f"ROW({', '.join(parts)})")


def _array(schema: Schema, kind: Type, modifier: int, texts: str) -> Values:
    values = default_values(schema, kind.element, modifier, texts)
    return Values(f"ARRAY[{values.at(N)}, {values.at(f'{N} + 1')}]", values.count)


def _text(length: int) -> Values:
    if length == 0 or length >= LONG:
        return Values(f"'value-' || {N}")
    return letters(length, "a")


def letters(length: int, first: str) -> Values:
    """Return the number in letters, or in digits when the first is `0`, with `length` characters."""
    base = 10 if first == "0" else 26
    places = min(length, 8)
    digits = " || ".join(
        f"chr(({ord(first)} + ({N} / {base**place}) % {base})::int)" for place in reversed(range(places))
    )
    padding = f"repeat('{first}', {length - places}) || " if length > places else ""
    return Values(f"({padding}{digits})", base**places)


def _numeric(modifier: int) -> Values:
    if modifier < 0:
        return Values(f"{N}::numeric")
    precision = ((modifier - 4) >> 16) & 0xFFFF
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024  # signed, as numeric_typmod_scale() reads it
    largest = 10 ** min(precision, 18) - 1
    factor = f"/ 1{'0' * scale}.0" if scale >= 0 else f"* 1{'0' * -scale}"
    return Values(f"((1 + ({N} - 1) % {largest})::numeric {factor})", largest)


def _bits(name: str, modifier: int) -> Values:
    length = max(modifier, 1) if name == "bit" or modifier > 0 else 32
    return Values(f"{N}::bit({length})", 2 ** min(length, 62))


def dimension_of(name: str, modifier: int, texts: str) -> int:
    """Return the dimension for a vector column; 3 where nothing states one.

    A column without a dimension may have an index on a cast that states it.
    """
    hint = re.search(rf"{name}\((\d+)\)", texts)
    return modifier if modifier > 0 else int(hint[1]) if hint else 3


def _vector(name: str, modifier: int, texts: str) -> Values:
    dimension = dimension_of(name, modifier, texts)
    if name == "sparsevec":
        return Values(f"'{{' || 1 + {N} % {dimension} || ':' || {N} || '}}/{dimension}'")
    # Vectors are slices of one array of sines: computing sines for each row would take longer than the insert.
    sines = f"(SELECT array_agg(sin(k * k * 0.1234567)::real ORDER BY k) FROM generate_series(1, {dimension + 5000}) k)"
    return Values(f"({sines})[{N} % 5000 + 1 : {N} % 5000 + {dimension}]", 5000)
