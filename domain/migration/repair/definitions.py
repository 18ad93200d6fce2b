"""SQL that creates and names the objects of a snapshot, as pg_dump would write it.

The syntax follows the Postgres manual, part "SQL Commands". There is no SQL for objects of which a snapshot does not
have all attributes (foreign tables, operators, text search).
"""

import re
from collections.abc import Callable, Iterator, Mapping

from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot, Value

Attributes = Mapping[str, Value]
_PLAIN = re.compile(
    r"(smallint|integer|bigint|boolean|date|uuid|real|double precision|oid|interval|time|timestamp|\"char\"|name"
    r"|point|line|lseg|box|circle|money|macaddr8?|pg_lsn|tsquery|gtsvector|xid8?|cid|tid|oidvector|int2vector|aclitem"
    r"|reg\w+)(?!\w)"
)
_MAIN = re.compile(r"(numeric|inet|cidr)(?!\w)")
_EXTERNAL = re.compile(r"(\w+\.)?(vector|halfvec|sparsevec)\b")
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_ENABLED = {"origin": "ENABLE", "disabled": "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}


def literal(text: Value) -> str:
    """Return a text as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def texts(value: Value) -> list[str]:
    """Return a list of strings; empty for None."""
    return [str(item) for item in value] if isinstance(value, tuple) else []


def words(kind: str, attributes: Attributes) -> str:
    """Return the words for a kind in SQL, such as `MATERIALIZED VIEW`."""
    subkind = str(attributes.get("kind", ""))
    match kind:
        case "table":
            return "FOREIGN TABLE" if subkind == "foreign table" else "TABLE"
        case "view" | "function":
            return "FUNCTION" if subkind == "window function" else subkind.upper()
        case "type":
            return "DOMAIN" if subkind == "domain" else "TYPE"
        case "foreign server":
            return "SERVER"
        case _:
            return kind.upper()


def reference(kind: str, name: str, attributes: Attributes) -> str:
    """Return how DROP and COMMENT refer to an object, such as `TRIGGER audit ON public.users`."""
    if kind in {"trigger", "rule", "policy"}:
        table, own = split(name)
        return f"{kind.upper()} {own} ON {table}"
    if kind == "constraint":
        table, own = split(name)
        return f"CONSTRAINT {own} ON {'DOMAIN ' if _VALUE.search(str(attributes['definition'])) else ''}{table}"
    return f"{words(kind, attributes)} {name}"


# What the CHECK of a domain calls its value; a text or a quoted name of a table's CHECK may have the word, too.
_VALUE = re.compile(r"""^(?:[^'"]|'(?:[^']|'')*'|"(?:[^"]|"")*")*?\bVALUE\b""")


def create(kind: str, name: str, snapshot: SchemaSnapshot) -> list[str] | None:
    """Return the statements that create an object, without comment, owner and privileges; None if there are none."""
    attributes = snapshot.objects[kind, name]
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(name, attributes, snapshot)
    definition = attributes.get("definition")
    return [str(definition).strip()] if isinstance(definition, str) else None


def column_definition(name: str, snapshot: SchemaSnapshot) -> str:
    """Return the definition of a column for CREATE TABLE."""
    column = snapshot.objects["column", name]
    parts = [split(name)[1], str(column["type"])]
    if column.get("collation"):
        parts.append(f"COLLATE {column['collation']}")
    if column.get("generated"):
        kind = str(column["generated"]).upper()
        parts.append(f"GENERATED ALWAYS AS ({column['expression']}) {kind}")
    elif column.get("identity"):
        parts.append(identity(name, snapshot))
    elif column.get("default") is not None:
        parts.append(f"DEFAULT {column['default']}")
    if column.get("not_null"):
        parts.append("NOT NULL")
    return " ".join(parts)


def identity(name: str, snapshot: SchemaSnapshot) -> str:
    """Return the identity clause of a column, with the options of its sequence that differ from the defaults."""
    column = snapshot.objects["column", name]
    clause = f"GENERATED {str(column['identity']).upper()} AS IDENTITY"
    for (kind, sequence), attributes in snapshot.objects.items():
        if kind == "sequence" and attributes.get("owned_by") == name and attributes.get("of_identity"):
            options = sequence_options(attributes)
            table, own = split(name)
            if sequence != f"{table}_{own}_seq":
                options = f"SEQUENCE NAME {sequence} {options}".strip()
            return f"{clause} ({options})" if options else clause
    return clause


def sequence_options(attributes: Attributes, *, every: bool = False) -> str:
    """Return the options of a sequence that differ from the defaults, or all of them."""
    largest = _LARGEST.get(str(attributes.get("type")), 0)
    ascends = int(str(attributes.get("increment") or 1)) > 0
    start = attributes.get("minimum" if ascends else "maximum")
    usual: dict[str, tuple[str, Value]] = {
        "increment": ("INCREMENT BY", 1),
        "minimum": ("MINVALUE", 1 if ascends else -largest - 1),
        "maximum": ("MAXVALUE", largest if ascends else -1),
        "start": ("START WITH", start),
        "cache": ("CACHE", 1),
    }
    parts = [f"{word} {attributes[key]}" for key, (word, normal) in usual.items() if every or attributes[key] != normal]
    if attributes.get("cycle"):
        parts.append("CYCLE")
    elif every:
        parts.append("NO CYCLE")
    return " ".join(parts)


def column_settings(name: str, snapshot: SchemaSnapshot) -> Iterator[str]:
    """Return statements for the storage, compression, statistics and options of a column."""
    column = snapshot.objects["column", name]
    table, own = split(name)
    alter = f"ALTER TABLE {table} ALTER COLUMN {own}"
    usual = usual_storage(str(column["type"]), snapshot)
    if column.get("storage") not in {None, usual}:
        yield f"{alter} SET STORAGE {str(column['storage']).upper()}"
    if column.get("compression"):
        yield f"{alter} SET COMPRESSION {column['compression']}"
    if column.get("statistics") is not None:
        yield f"{alter} SET STATISTICS {column['statistics']}"
    if column.get("options"):
        yield f"{alter} SET ({options(column['options'])})"


def usual_storage(type_name: str, snapshot: SchemaSnapshot) -> str:
    """Return the default storage of a type."""
    type_attributes = snapshot.objects.get(("type", type_name), {})
    if type_attributes.get("kind") == "domain":
        return usual_storage(str(type_attributes["base_type"]), snapshot)
    if type_name.endswith("[]"):
        return "extended"
    if type_attributes.get("kind") == "enum" or _PLAIN.match(type_name):
        return "plain"
    if _MAIN.match(type_name):
        return "main"
    return "external" if _EXTERNAL.match(type_name) else "extended"


def options(value: Value) -> str:
    """Return options as SQL has them, such as `fillfactor=70`."""
    return ", ".join(texts(value))


def enabled(name: str, kind: str, attributes: Attributes) -> str:
    """Return a statement that enables or disables a trigger or a rule."""
    table, own = split(name)
    return f"ALTER TABLE {table} {_ENABLED[str(attributes['enabled'])]} {kind.upper()} {own}"


def _table(name: str, attributes: Attributes, snapshot: SchemaSnapshot) -> list[str] | None:
    if attributes.get("kind") == "foreign table" or attributes.get("of_type"):
        return None
    parents = texts(attributes.get("parents"))
    bound = attributes.get("partition_bound")
    unlogged = "UNLOGGED " if attributes.get("persistence") == "unlogged" else ""
    if bound is not None:
        body = f"PARTITION OF {parents[0]} {bound}"
    else:
        columns = [column for column in columns_of(name, snapshot) if snapshot.objects["column", column].get("local")
                   is not False]  # fmt: skip
        body = "(\n    " + ",\n    ".join(column_definition(column, snapshot) for column in columns) + "\n)"
        body = body if columns else "()"
        body += f" INHERITS ({', '.join(parents)})" if parents else ""
    if attributes.get("partition_key"):
        body += f" PARTITION BY {attributes['partition_key']}"
    settings = texts(attributes.get("options")) + [
        f"toast.{option}" for option in texts(attributes.get("toast_options"))
    ]
    body += f" WITH ({', '.join(settings)})" if settings else ""
    body += f" TABLESPACE {attributes['tablespace']}" if attributes.get("tablespace") else ""
    statements = [f"CREATE {unlogged}TABLE {name} {body}"]
    if bound is None:
        statements += [
            setting for column in columns_of(name, snapshot) for setting in column_settings(column, snapshot)
        ]
    return [*statements, *row_security(name, attributes)]


def row_security(name: str, attributes: Attributes) -> Iterator[str]:
    """Return statements for the row security and the replica identity of a table."""
    if attributes.get("row_security"):
        yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    if attributes.get("force_row_security"):
        yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    if attributes.get("replica_identity") in {"nothing", "full"}:
        yield f"ALTER TABLE {name} REPLICA IDENTITY {str(attributes['replica_identity']).upper()}"


def columns_of(table: str, snapshot: SchemaSnapshot) -> list[str]:
    """Return the columns of a table in their order."""
    names = [name for kind, name in snapshot.objects if kind == "column" and split(name)[0] == table]
    return sorted(names, key=lambda name: int(str(snapshot.objects["column", name].get("position") or 0)))


def _column(name: str, _attributes: Attributes, snapshot: SchemaSnapshot) -> list[str]:
    container = split(name)[0]
    if ("type", container) in snapshot.objects:
        return [f"ALTER TYPE {container} ADD ATTRIBUTE {column_definition(name, snapshot)}"]
    add = f"ALTER TABLE {container} ADD COLUMN {column_definition(name, snapshot)}"
    return [add, *column_settings(name, snapshot)]


def _constraint(name: str, attributes: Attributes, snapshot: SchemaSnapshot) -> list[str]:
    owner, own = split(name)
    word = "DOMAIN" if ("type", owner) in snapshot.objects else "TABLE"
    return [f"ALTER {word} {owner} ADD CONSTRAINT {own} {attributes['definition']}"]


def _index(name: str, attributes: Attributes, snapshot: SchemaSnapshot) -> list[str]:
    definition, table = str(attributes["definition"]), str(attributes["table"])
    if snapshot.objects.get(("table", table), {}).get("kind") == "partitioned table":
        # Without ONLY, Postgres creates the indexes of the partitions as well.
        definition = definition.replace(" ON ONLY ", " ON ", 1)
    if attributes.get("tablespace"):
        # The condition comes last.
        condition = f" WHERE {attributes['predicate']}" if attributes.get("predicate") is not None else ""
        definition = f"{definition.removesuffix(condition)} TABLESPACE {attributes['tablespace']}{condition}"
    return [definition, *_index_settings(name, attributes)]


def index_of_constraint(name: str, attributes: Attributes) -> Iterator[str]:
    """Return statements for what the index of a constraint has and ADD CONSTRAINT does not say."""
    if attributes.get("tablespace"):
        yield f"ALTER INDEX {name} SET TABLESPACE {attributes['tablespace']}"
    if attributes.get("options"):
        yield f"ALTER INDEX {name} SET ({options(attributes['options'])})"
    yield from _index_settings(name, attributes)


def _index_settings(name: str, attributes: Attributes) -> Iterator[str]:
    table, own = str(attributes["table"]), split(name)[1]
    for setting in texts(attributes.get("statistics")):
        number, _, target = setting.partition(": ")
        yield f"ALTER INDEX {name} ALTER COLUMN {number} SET STATISTICS {target}"
    if attributes.get("clustered"):
        yield f"ALTER TABLE {table} CLUSTER ON {own}"
    if attributes.get("replica_identity"):
        yield f"ALTER TABLE {table} REPLICA IDENTITY USING INDEX {own}"


def _sequence(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    unlogged = "UNLOGGED " if attributes.get("persistence") == "unlogged" else ""
    return [f"CREATE {unlogged}SEQUENCE {name} AS {attributes['type']} {sequence_options(attributes)}".rstrip()]


def _view(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    settings = f" WITH ({options(attributes['options'])})" if attributes.get("options") else ""
    settings += f" TABLESPACE {attributes['tablespace']}" if attributes.get("tablespace") else ""
    body = str(attributes["definition"]).strip().rstrip(";")
    empty = "\n WITH NO DATA" if attributes.get("populated") is False else ""
    return [f"CREATE {words('view', attributes)} {name}{settings} AS\n {body}{empty}"]


def _schema(name: str, _attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    return [f"CREATE SCHEMA {name}"]


def _extension(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    return [f"CREATE EXTENSION {name} SCHEMA {attributes['schema']}"]


def _trigger(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    switches = [] if attributes.get("enabled") == "origin" else [enabled(name, "trigger", attributes)]
    return [str(attributes["definition"]), *switches]


def _rule(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    switches = [] if attributes.get("enabled") == "origin" else [enabled(name, "rule", attributes)]
    return [str(attributes["definition"]).rstrip(";"), *switches]


def _policy(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    table, own = split(name)
    parts = [f"CREATE POLICY {own} ON {table}"]
    parts += [] if attributes.get("permissive") else ["AS RESTRICTIVE"]
    parts += [f"FOR {str(attributes['command']).upper()} TO {', '.join(texts(attributes['roles']))}"]
    parts += [f"USING ({attributes['using']})"] if attributes.get("using") is not None else []
    parts += [f"WITH CHECK ({attributes['check']})"] if attributes.get("check") is not None else []
    return [" ".join(parts)]


def _statistics(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    target = attributes.get("target")
    target_statements = [] if target is None else [f"ALTER STATISTICS {name} SET STATISTICS {target}"]
    return [str(attributes["definition"]), *target_statements]


def _type(name: str, attributes: Attributes, snapshot: SchemaSnapshot) -> list[str] | None:
    match attributes.get("kind"):
        case "enum":
            return [f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, texts(attributes['values'])))})"]
        case "domain":
            parts = [f"CREATE DOMAIN {name} AS {attributes['base_type']}"]
            parts += [f"COLLATE {attributes['collation']}"] if attributes.get("collation") else []
            parts += [f"DEFAULT {attributes['default']}"] if attributes.get("default") is not None else []
            return [" ".join(parts + ["NOT NULL"] * bool(attributes.get("not_null")))]
        case "composite":
            columns = ", ".join(column_definition(column, snapshot) for column in columns_of(name, snapshot))
            return [f"CREATE TYPE {name} AS ({columns})"]
        case "range" if not attributes.get("canonical"):
            keys = {"subtype": "SUBTYPE", "opclass": "SUBTYPE_OPCLASS", "subtype_collation": "COLLATION",
                    "subtype_difference": "SUBTYPE_DIFF", "multirange": "MULTIRANGE_TYPE_NAME"}  # fmt: skip
            settings = [
                f"{word} = {str(attributes[key]).partition('(')[0]}"
                for key, word in keys.items()
                if attributes.get(key)
            ]
            return [f"CREATE TYPE {name} AS RANGE ({', '.join(settings)})"]
        case _:
            return None


def _event_trigger(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    tags = ", ".join(map(literal, texts(attributes["tags"])))
    when = f" WHEN TAG IN ({tags})" if tags else ""
    statements = [
        f"CREATE EVENT TRIGGER {name} ON {attributes['event']}{when} EXECUTE FUNCTION {attributes['function']}"
    ]
    if attributes["enabled"] != "origin":
        statements.append(f"ALTER EVENT TRIGGER {name} {_ENABLED[str(attributes['enabled'])]}")
    return statements


def _publication(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    actions = [action for action in ("insert", "update", "delete", "truncate") if attributes.get(f"{action}s")]
    every = " FOR ALL TABLES" if attributes.get("all_tables") else ""
    settings = [f"publish = {literal(', '.join(actions))}"]
    settings += ["publish_via_partition_root = true"] if attributes.get("via_partition_root") else []
    return [f"CREATE PUBLICATION {name}{every} WITH ({', '.join(settings)})"]


def _publication_table(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    publication, _, table = name.partition(".")
    columns = f" ({', '.join(texts(attributes['columns']))})" if attributes.get("columns") else ""
    where = f" WHERE ({attributes['row_filter']})" if attributes.get("row_filter") else ""
    return [f"ALTER PUBLICATION {publication} ADD TABLE {table}{columns}{where}"]


def _publication_schema(name: str, _attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    publication, _, schema = name.partition(".")
    return [f"ALTER PUBLICATION {publication} ADD TABLES IN SCHEMA {schema}"]


def _cast(name: str, attributes: Attributes, _snapshot: SchemaSnapshot) -> list[str]:
    how = {"function": f"WITH FUNCTION {attributes['function']}", "input and output": "WITH INOUT"}
    when = {"assignment": " AS ASSIGNMENT", "implicit": " AS IMPLICIT"}
    method = how.get(str(attributes["method"]), "WITHOUT FUNCTION")
    return [f"CREATE CAST {name} {method}{when.get(str(attributes['context']), '')}"]


_MAKERS: Mapping[str, Callable[[str, Attributes, SchemaSnapshot], list[str] | None]] = {
    "cast": _cast,
    "column": _column,
    "constraint": _constraint,
    "event trigger": _event_trigger,
    "extension": _extension,
    "index": _index,
    "policy": _policy,
    "publication": _publication,
    "publication schema": _publication_schema,
    "publication table": _publication_table,
    "rule": _rule,
    "schema": _schema,
    "sequence": _sequence,
    "statistics": _statistics,
    "table": _table,
    "trigger": _trigger,
    "type": _type,
    "view": _view,
}
