"""What triggers do for the old code: it breaks when they are gone."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed_change

TABLE = "CREATE TABLE notes (id bigint PRIMARY KEY, title text, slug text NOT NULL);"
FILLED = f"""{TABLE}
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.slug := coalesce(NEW.slug, lower(NEW.title), ''); RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION fill();
"""
WRITTEN = f"""{TABLE}
CREATE VIEW titles AS SELECT DISTINCT id, title FROM notes;
CREATE FUNCTION write() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO notes VALUES (NEW.id, NEW.title, ''); RETURN NEW; END $$;
CREATE TRIGGER write INSTEAD OF INSERT ON titles FOR EACH ROW EXECUTE FUNCTION write();
"""
RULED = f"""{TABLE}
CREATE VIEW titles AS SELECT DISTINCT id, title FROM notes;
CREATE RULE write AS ON DELETE TO titles DO INSTEAD DELETE FROM notes WHERE id = OLD.id;
"""
GRANTED = f"{TABLE} CREATE VIEW titles AS SELECT id, title FROM notes; GRANT UPDATE ON titles TO pg_monitor;"
READ = f"{TABLE} CREATE VIEW titles AS SELECT id, title FROM notes; GRANT SELECT ON titles TO pg_monitor;"
DISTINCT = "CREATE OR REPLACE VIEW titles AS SELECT DISTINCT id, title FROM notes"


@pytest.mark.one_major
@pytest.mark.parametrize(
    ("schema", "change", "failing"),
    [
        (FILLED, "DROP TRIGGER fill ON notes", {"public.notes": 'null value in column "slug"'}),
        (FILLED, "ALTER TABLE notes DISABLE TRIGGER fill", {"public.notes": 'null value in column "slug"'}),
        (FILLED, "ALTER TRIGGER fill ON notes RENAME TO fill_slug", {}),
        (WRITTEN, "DROP TRIGGER write ON titles", {"public.titles": 'cannot insert into view "titles"'}),
        (WRITTEN, "CREATE TABLE others (id int)", {}),
        (RULED, "DROP RULE write ON titles", {"public.titles": 'cannot delete from view "titles"'}),
        (GRANTED, DISTINCT, {"public.titles": 'cannot insert into view "titles"'}),
        (READ, DISTINCT, {}),
    ],
)
def test_code_that_needs_a_trigger_breaks_without_it(
    server: Server, history: History, schema: str, change: str, failing: dict[str, str]
) -> None:
    """An INSERT leaves out what a trigger fills, and writes go through views; a view that is only read may change."""
    analysis = analyzed_change(server, history, schema, change, rows=20)
    broken = {str(item.relation): item.message for item in analysis.diagnostics if item.code == "breaks-old-code"}

    assert broken.keys() == failing.keys()
    assert all(failing[table] in message for table, message in broken.items())
