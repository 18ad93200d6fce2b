"""Definitions of indexes are read right, whatever stands in their names and texts."""

import pytest

from domain.migration.index_definition import after_using, first_list, key_columns


@pytest.mark.parametrize(
    ("keys", "columns"),
    [
        ("email", ["email"]),
        ('"a""b", c', ['"a""b"', "c"]),
        ('"Mixed Case", "a.b"', ['"Mixed Case"', '"a.b"']),
        ('"it\'s", b', ['"it\'s"', "b"]),
        ('"a,b" DESC, "c)d" COLLATE "de_DE" text_pattern_ops', ['"a,b"', '"c)d"']),
        ("lower((email)::text) DESC NULLS LAST, id", ["lower((email)::text)", "id"]),
        ('"My"."f"(x, y) my_class (size=\'3\'), z', ['"My"."f"(x, y)', "z"]),
        ("((a || ','::text)), b", ["((a || ','::text))", "b"]),
        ('((a || \'"\'::text)) COLLATE "C", b', ["((a || '\"'::text))", "b"]),
        ("((a || '''),('::text)), b", ["((a || '''),('::text))", "b"]),
        ("EXTRACT(year FROM born), b", ["EXTRACT(year FROM born)", "b"]),
        ("größe, a$b", ["größe", "a$b"]),
    ],
)
def test_keys(keys: str, columns: list[str]) -> None:
    """Columns and expressions come out as they are, without collation, operator class and order."""
    definition = f'CREATE UNIQUE INDEX "i USING j (" ON public."t""(" USING btree ({keys}) INCLUDE (x) WHERE (y > 0)'
    assert key_columns(definition) == columns
    assert after_using(definition) == f"btree ({keys}) INCLUDE (x) WHERE (y > 0)"


def test_no_keys() -> None:
    """A text that is no definition has no keys."""
    assert key_columns("") == []
    assert key_columns("CREATE INDEX i ON t") == []


def test_columns_of_a_key() -> None:
    """The columns of a foreign key are those before REFERENCES."""
    assert first_list('FOREIGN KEY ("the, key", b) REFERENCES public."t("(x, y)') == ['"the, key"', "b"]
