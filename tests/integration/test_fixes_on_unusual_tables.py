"""Code that is proposed for unusual tables passes: names with all characters, schemas, keys, partitions, children."""

import sys
from pathlib import Path

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from domain.migration.op_code import execute
from tests.conftest import Server
from tests.history import History
from tests.real_projects.proposed_code import Trial, find

pytestmark = [pytest.mark.one_major, pytest.mark.long]

ROWS = 1200
TABLES = r"""
CREATE SCHEMA "Shop"
CREATE TYPE "Shop"."Mood" AS ENUM ('ok', 'it''s')
CREATE DOMAIN "Shop"."Amount" AS numeric CHECK (VALUE >= 0)
CREATE TABLE "Shop"."User" (id uuid PRIMARY KEY, "Name" text, mood "Shop"."Mood", tags text[] NOT NULL DEFAULT '{}')
CREATE TABLE "Shop"."order" ("User" uuid, "select" int, note varchar(50), buyer uuid, PRIMARY KEY ("User", "select"))
CREATE TABLE without_key (a int, b text, "User" uuid)
CREATE TABLE "Shop".events (id bigint PRIMARY KEY, note text, "User" uuid) PARTITION BY RANGE (id)
CREATE TABLE "Shop"."Events 1" PARTITION OF "Shop".events FOR VALUES FROM (0) TO (100000)
CREATE TABLE "Shop"."Events 2" PARTITION OF "Shop".events FOR VALUES FROM (100000) TO (200000)
CREATE TABLE computed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 2) STORED)
CREATE TABLE "Text key" ("the key" text PRIMARY KEY, "Val" int, "table" text)
CREATE TABLE "Parent" (name text PRIMARY KEY)
CREATE TABLE child (id bigint PRIMARY KEY, name text CONSTRAINT "Fk" REFERENCES "Parent")
CREATE INDEX "IX note" ON "Shop"."order" (note)
CREATE TABLE "Na%me \ ""x"" :y" ("back\slash" text, "per%cent" int, "Na""me" text, "co :lon" "Shop"."Mood"[])
CREATE TABLE "Base" (id bigint PRIMARY KEY, note text, size int)
CREATE TABLE "Heir" (other text, PRIMARY KEY (id)) INHERITS ("Base")
CREATE TABLE prices (id bigint PRIMARY KEY, price "Shop"."Amount", twice numeric GENERATED ALWAYS AS (id * 2) STORED)
CREATE TABLE secret (id bigint PRIMARY KEY, note text)
ALTER TABLE secret ENABLE ROW LEVEL SECURITY
GRANT SELECT ON secret TO pg_monitor
GRANT UPDATE (note) ON secret TO pg_monitor
CREATE TABLE tree (id bigint PRIMARY KEY, parent_id bigint, sort text)
CREATE INDEX "Ix sort" ON tree (sort)
CREATE UNLOGGED TABLE "Scratch" (id bigint PRIMARY KEY, note text)
CREATE MATERIALIZED VIEW "Sums" AS SELECT n FROM generate_series(1, 9) AS n
CREATE INDEX "Ix sums" ON "Sums" (n)
CREATE INDEX ix_order_buyer ON "Shop"."order" (buyer) WHERE note IS NULL
""".strip().splitlines()
# Upgrades and what undoes them, a statement a line; of those without, what `migrate verify` proposes for it is tried.
REVISIONS = {
    "index": (
        'CREATE UNIQUE INDEX "Ix" ON "Shop"."User" (lower("Name"), id) WHERE mood = \'it\'\'s\'',
        'DROP INDEX "Shop"."Ix"',
    ),
    "index_of_partitions": ('CREATE INDEX "Ix" ON "Shop".events ("User")', 'DROP INDEX "Shop"."Ix"'),
    "dropped_index": ('DROP INDEX "Shop"."IX note"', 'CREATE INDEX "IX note" ON "Shop"."order" (note)'),
    "dropped_index_of_a_view": ('DROP INDEX "Ix sums"', 'CREATE INDEX "Ix sums" ON "Sums" (n)'),
    "check": (
        'ALTER TABLE "Shop"."User" ADD CONSTRAINT "Ck" CHECK ("Name" <> \'50% :a\')',
        'ALTER TABLE "Shop"."User" DROP CONSTRAINT "Ck"',
    ),
    "unique": (
        'ALTER TABLE "Text key" ADD CONSTRAINT "Uq" UNIQUE ("the key", "Val") INCLUDE ("table") DEFERRABLE',
        'ALTER TABLE "Text key" DROP CONSTRAINT "Uq"',
    ),
    "foreign_key": (
        'ALTER TABLE "Shop"."order" ADD CONSTRAINT "Fk" FOREIGN KEY (buyer) REFERENCES "Shop"."User"',
        'ALTER TABLE "Shop"."order" DROP CONSTRAINT "Fk"',
    ),
    "foreign_key_of_partitions": (
        'ALTER TABLE "Shop".events ADD CONSTRAINT "Fk" FOREIGN KEY ("User") REFERENCES "Shop"."User"',
        'ALTER TABLE "Shop".events DROP CONSTRAINT "Fk"',
    ),
    "foreign_key_to_another_key": (
        """
ALTER TABLE child DROP CONSTRAINT "Fk"
ALTER TABLE "Parent" ADD part int NOT NULL DEFAULT 1
ALTER TABLE "Parent" DROP CONSTRAINT "Parent_pkey"
ALTER TABLE "Parent" ADD PRIMARY KEY (part, name)
ALTER TABLE child ADD part int NOT NULL DEFAULT 1
ALTER TABLE child ADD CONSTRAINT "Fk" FOREIGN KEY (part, name) REFERENCES "Parent" (part, name)
""",
        """
ALTER TABLE child DROP CONSTRAINT "Fk"
ALTER TABLE child DROP part
ALTER TABLE "Parent" DROP CONSTRAINT "Parent_pkey"
ALTER TABLE "Parent" DROP part
ALTER TABLE "Parent" ADD PRIMARY KEY (name)
ALTER TABLE child ADD CONSTRAINT "Fk" FOREIGN KEY (name) REFERENCES "Parent"
""",
    ),
    "key_made_anew": (
        """
ALTER TABLE child DROP CONSTRAINT child_pkey
ALTER TABLE child ADD CONSTRAINT child_pkey PRIMARY KEY (id) INCLUDE (name)
""",
        """
ALTER TABLE child DROP CONSTRAINT child_pkey
ALTER TABLE child ADD CONSTRAINT child_pkey PRIMARY KEY (id)
""",
    ),
    "index_with_a_new_column": (
        """
DROP INDEX "Shop"."IX note"
ALTER TABLE "Shop"."order" ADD "Part" int
CREATE INDEX "IX note" ON "Shop"."order" (note, "Part")
""",
        """
DROP INDEX "Shop"."IX note"
ALTER TABLE "Shop"."order" DROP "Part"
CREATE INDEX "IX note" ON "Shop"."order" (note)
""",
    ),
    "check_of_any_name": (
        r"""ALTER TABLE "Na%me \ ""x"" :y" ADD CONSTRAINT "C\k%" CHECK ("back\slash" <> 'a\' OR "per%cent" % 7 > 1)""",
        r'''ALTER TABLE "Na%me \ ""x"" :y" DROP CONSTRAINT "C\k%"''',
    ),
    "index_of_any_name": (
        r'''CREATE INDEX "I\x%""" ON "Na%me \ ""x"" :y" ("Na""me", "co :lon") WHERE "back\slash" <> ':a 5%' ''',
        r'''DROP INDEX "I\x%"""''',
    ),
    "renamed_column_of_any_name": (
        r'''ALTER TABLE "Na%me \ ""x"" :y" RENAME "Na""me" TO "N\e""w%"''',
        r'''ALTER TABLE "Na%me \ ""x"" :y" RENAME "N\e""w%" TO "Na""me"''',
    ),
    "not_null_of_any_name": (
        r"""ALTER TABLE "Na%me \ ""x"" :y" ALTER "co :lon" SET NOT NULL, ALTER "Na""me" SET NOT NULL""",
        r"""ALTER TABLE "Na%me \ ""x"" :y" ALTER "co :lon" DROP NOT NULL, ALTER "Na""me" DROP NOT NULL""",
    ),
    "not_null_of_children": (
        'ALTER TABLE "Base" ALTER note SET NOT NULL',
        'ALTER TABLE "Base" ALTER note DROP NOT NULL',
    ),
    "type_of_children": (
        'ALTER TABLE "Base" ALTER size TYPE bigint',
        'ALTER TABLE "Base" ALTER size TYPE int',
    ),
    "serial_of_children": ('ALTER TABLE "Base" ADD n bigserial', 'ALTER TABLE "Base" DROP n'),
    "update_of_children": ("UPDATE \"Base\" SET note = 'x' WHERE note IS DISTINCT FROM 'y'", "SELECT 1"),
    "partition_of_its_own": (
        """
CREATE TABLE "Shop"."P%3" PARTITION OF "Shop".events (CONSTRAINT "ck%" CHECK (note <> '5%')) \
FOR VALUES FROM (200000) TO (300000) WITH (fillfactor=70)
""",
        'DROP TABLE "Shop"."P%3"',
    ),
    "collation": (
        'ALTER TABLE tree ALTER sort TYPE text COLLATE "C"',
        'ALTER TABLE tree ALTER sort TYPE text COLLATE "default"',
    ),
    "foreign_key_to_itself": (
        'ALTER TABLE tree ADD CONSTRAINT "Self" FOREIGN KEY (parent_id) REFERENCES tree DEFERRABLE INITIALLY DEFERRED',
        'ALTER TABLE tree DROP CONSTRAINT "Self"',
    ),
    "unlogged": (
        "ALTER TABLE \"Scratch\" ADD CHECK (note <> '5%')",
        'ALTER TABLE "Scratch" DROP CONSTRAINT "Scratch_note_check"',
    ),
    "renamed_secret": ("ALTER TABLE secret RENAME TO hidden", "ALTER TABLE hidden RENAME TO secret"),
    "key_of_an_index": (
        """
CREATE UNIQUE INDEX "Key" ON without_key (a, b)
ALTER TABLE without_key ADD CONSTRAINT "Key" UNIQUE USING INDEX "Key"
""",
        'ALTER TABLE without_key DROP CONSTRAINT "Key"',
    ),
    "moved_and_renamed": (
        """
ALTER TABLE "Text key" SET SCHEMA "Shop"
ALTER TABLE "Shop"."Text key" RENAME TO "Keys"
""",
        """
ALTER TABLE "Shop"."Keys" RENAME TO "Text key"
ALTER TABLE "Shop"."Text key" SET SCHEMA public
""",
    ),
    "not_null": (
        'ALTER TABLE "Shop"."User" ALTER "Name" SET NOT NULL',
        'ALTER TABLE "Shop"."User" ALTER "Name" DROP NOT NULL',
    ),
    "type": (
        'ALTER TABLE "Shop"."order" ALTER "select" TYPE bigint',
        'ALTER TABLE "Shop"."order" ALTER "select" TYPE int',
    ),
    "type_of_partitions": (
        'ALTER TABLE "Shop".events ALTER note TYPE varchar(2000)',
        'ALTER TABLE "Shop".events ALTER note TYPE text',
    ),
    "random_defaults": (
        'ALTER TABLE without_key ADD t uuid NOT NULL DEFAULT gen_random_uuid(), ADD "order" serial',
        'ALTER TABLE without_key DROP t, DROP "order"',
    ),
    "identity": (
        'ALTER TABLE "Shop"."order" ALTER "select" ADD GENERATED ALWAYS AS IDENTITY',
        'ALTER TABLE "Shop"."order" ALTER "select" DROP IDENTITY',
    ),
    "update": ('UPDATE "Text key" SET "table" = \'50% :a\'', "SELECT 1"),
    "update_of_partitions": ("UPDATE \"Shop\".events SET note = '50%'", "SELECT 1"),
    "renamed_column": (
        'ALTER TABLE "Shop"."User" RENAME tags TO "Tags"',
        'ALTER TABLE "Shop"."User" RENAME "Tags" TO tags',
    ),
    "renamed_table": ('ALTER TABLE computed RENAME TO "Computed"', 'ALTER TABLE "Computed" RENAME TO computed'),
    "no_downgrade": ('ALTER TABLE "Shop"."order" RENAME note TO "position"', ""),
    "no_downgrade_of_a_move": ('ALTER TABLE "Text key" SET SCHEMA "Shop"', ""),
    "no_downgrade_of_partitions": ('ALTER TABLE "Shop".events ALTER note TYPE varchar', ""),
    "no_downgrade_of_a_value": ("ALTER TYPE \"Shop\".\"Mood\" RENAME VALUE 'ok' TO 'fine'", ""),
}
_OF_THE_ROWS = {"lock-without-timeout", "lossy-downgrade", "undeclared-loss"}


@pytest.mark.some(3)
@pytest.mark.parametrize("name", REVISIONS)
def test_proposed_code_passes(name: str, server: Server, tmp_path: Path) -> None:
    """It is safe, reaches the same end after every kill, and is undone exactly."""
    (tmp_path / "history").mkdir()
    history = History(tmp_path / "history")
    history.add("tables", None, "\n".join(map(execute, TABLES)))
    upgrade, downgrade = REVISIONS[name]
    history.add(name, "tables", _executed(upgrade), _executed(downgrade) or "pass")
    project = Project(history.plain_ini(), setup=None, rows=ROWS)
    with ServerSandbox(server.url()) as sandbox, Agent(python=sys.executable) as agent:
        databases = RevisionDatabases(project, sandbox, agent)
        findings = [finding for finding in find(databases, [name]) if finding.diagnostic.code not in _OF_THE_ROWS]
        assert findings
        databases.history()
        assert Trial(databases, tmp_path).problems(findings) == {}


def _executed(statements: str) -> str:
    return "\n".join(map(execute, statements.strip().splitlines()))
