"""Values at the edges of types that reveal data loss: capitals, blanks, accents, thirds, microseconds, summer time.

Nearly all of them are small enough for the usual arithmetic in their type, such as a price in cents or a second in
milliseconds. Every driver can read each of them: `infinity` is left out, because drivers of Python refuse to read it.
"""

from collections.abc import Iterator, Sequence

from adapter.outbound.migration.rows.catalog import Schema, Type
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.values import TEXTS, default_values, dimension_of, read_as

_LONG = 10_400  # characters, more than the usual length limits of texts; repetitive, so that an index has room for it
_NAME = 63  # characters, the longest value of type name
_WHOLE_DIGITS = 7  # most digits before the decimal point
_EXACT_DIGITS = 15  # that a double precision keeps of any number

_TEXTS = (
    "MiXed CaSe Ä É",
    "  blanks at both ends  ",
    "",
    "a,b;c|d",
    "\u00a0Cafe\u0301 \ufb01\t",  # other blanks at its ends, a composed accent, a ligature
    "first line\n\tsecond line",
    "0042",
    "quote ' and \" and \\ and % and :name and {x} and <y> & z",
    "日本語 🐘",
    "-1.50",
    "e\u0301",
    "Aa",
    "B",
)
_JSON = (
    '{"B": 1.50, "a": null, "Ä ": " x \\" e\u0301 ", "whole": 12345678901234567890, "deep": {"list": [], "no": false}}',
    "{}",
    "null",
    '[1, "Two", null, {"a": []}]',
)
_MOMENTS = (
    "2024-07-15 12:00:00",
    "2023-10-29 01:30:00.123456",
    "1969-12-31 23:59:59.999999",
    "2040-02-29 23:59:59.5",
    "1900-01-01 00:00:00",
)
# Local times that a change of the clock skips or repeats, in Madrid, New York and London.
_LOCAL_CHANGES = ("2024-03-31 02:30:00", "2024-11-03 01:30:00", "2024-03-10 02:30:00", "2024-03-31 01:30:00")
# The moments of an hour that the clocks of Madrid (beside the one above) and New York show twice; only one of each pair
# comes back from a time without a zone.
_REPEATED = ("2023-10-29 00:30:00.123456", "2024-11-03 05:30:00", "2024-11-03 06:30:00", "2024-03-31 02:30:00")
_SIMPLE: dict[str, tuple[str, ...]] = {
    "bool": ("true", "false"),
    "int2": ("30011", "-1", "0"),
    "int4": ("20000003", "-1", "0", "100003"),
    "int8": ("4294967297", "-1", "0", "9007199254740993"),
    "float4": ("0.1", "-3333333.3", "0", "16777216"),
    "float8": ("1.0 / 3", "0.1", "-3333333.3333333335", "0", "16777217"),
    "money": ("1234567.89", "-0.01", "0"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"),
    "date": ("2024-07-15", "2024-02-29", "1969-12-31", "2100-12-31", "1900-01-01"),
    "timestamp": (*_MOMENTS[:2], *_LOCAL_CHANGES, *_MOMENTS[2:]),
    "timestamptz": tuple(f"{moment}+00" for moment in (*_MOMENTS[:2], *_REPEATED, *_MOMENTS[2:])),
    "time": ("23:59:58.999999", "00:00:00", "12:34:56.789012"),
    "timetz": ("12:34:56.789012+05:30", "23:00:00-08", "00:00:00+00"),
    "interval": ("1 mon", "-1 day -02:03:04.000005", "1 year 2 mons 3 days 04:05:06", "36:00:00", "0"),
    "json": _JSON,
    "jsonb": _JSON,
    "bytea": ("\\x00ff80", "\\x", "\\x" + "0a27ff00" * 300),
    "inet": ("2001:db8::1", "10.1.2.3/24"),
    "cidr": ("2001:db8::/32", "10.1.0.0/16"),
    "tsvector": ("'a':1A 'fat cat':2,3B", ""),
    "point": ("(0.1,-0.3333333333333333)", "(0,0)"),
    "hstore": ('"A b"=>NULL, c=>""', ""),
}
# Texts that a type reads and writes in another way, the most usual ones first. Read as the type, each is a value that
# no ordinary row has, so that unique columns stay unique.
_WHOLE_NUMBERS = ("0032001", " 32002 ", "+32003")
_NUMBERS = ("0032001", "32002.50", " 32003 ", "+32004", "3.2005e4")
_DATES = ("1999-7-5", " 1999-07-06 ", "19990707", "July 8, 1999")
_TIMES_OF_DAY = ("4:05:06", " 04:05:07 ", "04:05:08.500", "040509")
_DOCUMENTS = (
    '{"name":"Value",  "n":1.50}',
    ' {"n": 1, "name": "\\u0056alue"} ',
    '{"n": 1, "name": "a", "n": 2}',
)
_FORMS: dict[str, tuple[str, ...]] = {
    "int2": _WHOLE_NUMBERS,
    "int4": _WHOLE_NUMBERS,
    "int8": _WHOLE_NUMBERS,
    "numeric": _NUMBERS,
    "float4": _NUMBERS,
    "float8": _NUMBERS,
    "money": ("0032001", "32002.5", " 32003.00 "),
    "bool": ("yes", "TRUE", "f", "off", "1", " true "),
    "uuid": (
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "a0eebc999c0b4ef8bb6d6bb9bd380a12",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13}",
    ),
    "date": _DATES,
    "timestamp": ("1999-07-05T04:05:06", "1999-7-6 4:05", "1999-07-07", " 1999-07-08 04:05:06.500 "),
    "timestamptz": ("1999-07-05T04:05:06Z", "1999-07-06 04:05:06+05:30", "1999-07-07 04:05:06.500+00", "1999-07-08"),
    "time": _TIMES_OF_DAY,
    "timetz": ("4:05:06+00", "04:05:07 +05:30", "04:05:08.500Z"),
    "interval": ("32001 minutes", "PT32002M", "1 day 24:00:03", "-1 week"),
    "inet": ("10.255.1.2", "2001:DB8:0:0::1"),
    "cidr": ("10.255.1/24", "2001:DB8:0:0::/64"),
    "macaddr": ("08002BFF0203", "08-00-2B-FF-02-04"),
    "json": _DOCUMENTS,
    "jsonb": _DOCUMENTS,
}
_COMPUTED = {"1.0 / 3"}


def edge_values(schema: Schema, oid: int, modifier: int, texts: str) -> list[str]:
    """Return the edge values of a type as expressions, the most revealing first; empty for an unknown type."""
    kind, modifier = schema.base(oid, modifier)
    maker = {"e": _enum, "r": _range, "m": _multirange, "c": _composite}.get(kind.kind)
    if maker:
        return list(maker(schema, kind, texts))
    if kind.category == "A" and kind.element:
        return list(_array(schema, kind, modifier, texts))
    if kind.name in TEXTS and schema.texts_as is not None:
        return [literal(text) for text in _forms(schema, kind, modifier)]
    return list(_scalars(kind.name, modifier, texts))


def _forms(schema: Schema, kind: Type, modifier: int) -> list[str]:
    """Return texts that another type reads, none of them as the type itself writes it."""
    other_type = read_as(schema, kind, modifier)
    forms = _FORMS.get(other_type.name, ()) if other_type is not None else ()
    return [form for form in forms if not 0 < modifier - 4 < len(form)]


def _scalars(name: str, modifier: int, texts: str) -> Iterator[str]:
    if name in TEXTS or name == "name":
        yield from (literal(text) for text in _texts(_NAME if name == "name" else max(modifier - 4, 0)))
    elif name == "numeric":
        yield from _numeric(modifier)
    elif name in {"bit", "varbit"}:
        yield from _bits(name, modifier)
    elif name in {"vector", "halfvec", "sparsevec"}:
        yield from _vector(name, dimension_of(name, modifier, texts))
    else:
        yield from (value if value in _COMPUTED else literal(value) for value in _SIMPLE.get(name, ()))


def _texts(length: int) -> Iterator[str]:
    """Return texts of at most `length` characters; 0 means no limit."""
    longest = length or _LONG
    fitting = [text for text in _TEXTS if len(text) <= longest]
    yield from fitting[:3]
    yield ("Long text, " * (longest // 11 + 1))[:longest]
    yield from fitting[3:]


def _numeric(modifier: int) -> Iterator[str]:
    if modifier < 0:
        yield from ("0.33333333333333333333", "-1234567.123456789", "0", "0.005", "0.000000000001")
        return
    precision = ((modifier - 4) >> 16) & 0xFFFF
    scale = (((modifier - 4) & 0x7FF) ^ 1024) - 1024  # signed, as numeric_typmod_scale() reads it
    if 0 <= scale < precision:
        whole = "1234567"[: min(precision - scale, _WHOLE_DIGITS)]
        yield f"{whole}.{'3' * scale}" if scale else whole
        yield f"-{whole}"
        if precision > _EXACT_DIGITS:
            whole = ("1234567890" * (precision // 10 + 1))[: precision - scale]
            yield f"{whole}.{'3' * scale}" if scale else whole
    yield "0"


def _bits(name: str, modifier: int) -> Iterator[str]:
    length = modifier if modifier > 0 else 1 if name == "bit" else 70
    yield f"B'{'1' * length}'"
    yield f"B'{'0' * length}'"
    if name == "varbit":
        yield "B''"


def _vector(name: str, dimension: int) -> Iterator[str]:
    """Return vectors with tiny and huge components that half precision can represent, too."""
    if name == "sparsevec":
        yield literal(f"{{1:0.33333334,{dimension}:-60000}}/{dimension}" if dimension > 1 else "{1:0.33333334}/1")
        yield literal(f"{{{dimension}:0.0000001}}/{dimension}")
        return
    components = f"generate_series(1, {dimension}) k)::real[]"
    yield f"ARRAY(SELECT CASE k % 3 WHEN 1 THEN 1.0 / 3 WHEN 2 THEN 60000 ELSE -0.0000001 END FROM {components}"  # noqa: S608
    yield f"ARRAY(SELECT 0.0000001 / k FROM {components}"  # noqa: S608 - numbers


def _enum(_schema: Schema, kind: Type, _texts: str) -> Iterator[str]:
    yield from (literal(label) for label in kind.labels)


def _range(schema: Schema, kind: Type, texts: str) -> Iterator[str]:
    values, subtype = default_values(schema, kind.subtype, -1, texts), schema.types[kind.subtype].sql
    low, high = (f"({values.at(number)})::{subtype}" for number in ("2", "5"))
    yield f"{kind.sql}({low}, {high}, '[]')"
    yield f"{kind.sql}({low}, NULL)"
    yield f"{kind.sql}(NULL, {high}, '(]')"
    yield f"{kind.sql}({low}, {high}, '()')"
    yield "'empty'"
    yield from (f"{kind.sql}(({edge})::{subtype}, NULL)" for edge in edge_values(schema, kind.subtype, -1, texts))


def _multirange(schema: Schema, kind: Type, texts: str) -> Iterator[str]:
    within = schema.types[kind.subtype]
    values, subtype = default_values(schema, within.subtype, -1, texts), schema.types[within.subtype].sql
    first, second, third = (f"({values.at(number)})::{subtype}" for number in ("2", "5", "8"))
    yield f"{kind.sql}({within.sql}({first}, {second}, '[)'), {within.sql}({third}, NULL))"
    yield "'{}'"


def _composite(schema: Schema, kind: Type, texts: str) -> Iterator[str]:
    fields = schema.fields.get(kind.relation, ())
    edges = [edge_values(schema, field.type, field.modifier, texts) or ["NULL"] for field in fields]
    for place in range(3):
        parts = (
            f"({field_edges[place % len(field_edges)]})::{field.type_sql}"
            for field, field_edges in zip(fields, edges, strict=True)
        )
        yield f"ROW({', '.join(parts)})"


def _array(schema: Schema, kind: Type, modifier: int, texts: str) -> Iterator[str]:
    element = schema.types[kind.element].sql
    edges: Sequence[str] = edge_values(schema, kind.element, modifier, texts)
    if schema.domain_checks(kind.element):
        edges = ()  # the domain may refuse them
    else:
        yield f"ARRAY[{', '.join((*edges, 'NULL'))}]::{element}[]"
    yield "'{}'"
    yield from (f"ARRAY[{edge}]::{element}[]" for edge in edges[:4])
