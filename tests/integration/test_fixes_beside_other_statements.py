"""Proposed code passes behind what else its revision does: it repeats nothing that stays, and names what goes too."""

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
TABLES = """
CREATE TABLE parent (id bigint PRIMARY KEY, name text)
CREATE TABLE child (id bigint PRIMARY KEY, a int, b int, note varchar(20), CONSTRAINT uq_child UNIQUE (id, a))
ALTER TABLE child ADD CONSTRAINT ck_child CHECK (note <> '')
ALTER TABLE child ADD CONSTRAINT fk_child FOREIGN KEY (a) REFERENCES parent
CREATE INDEX ix_child ON child (note)
"""
# Upgrades and downgrades, a statement a line, with the rule, and what its code says to take out.
REVISIONS = {
    "a key and its column": (
        """
ALTER TABLE child ADD parent_id bigint
ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent
""",
        "ALTER TABLE child DROP parent_id",
        "constraint-validated-at-once",
        "# Take out ADD COLUMN parent_id (statement 1).",
    ),
    "a key on a column with an index": (
        """
ALTER TABLE child ADD parent_id bigint
CREATE INDEX ix_parent ON child (parent_id)
ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parent
""",
        "ALTER TABLE child DROP parent_id",
        "constraint-validated-at-once",
        "",
    ),
    "a check on a column that loses its default": (
        """
ALTER TABLE child ADD kind text NOT NULL DEFAULT 'toy'
ALTER TABLE child ADD CONSTRAINT ck_kind CHECK (kind <> '')
ALTER TABLE child ALTER kind DROP DEFAULT
""",
        "ALTER TABLE child DROP kind",
        "constraint-validated-at-once",
        "",
    ),
    "a check on a new column that is filled": (
        """
ALTER TABLE child ADD n int
UPDATE child SET n = 1
ALTER TABLE child ADD CONSTRAINT ck_n CHECK (n > 0)
ALTER TABLE child ALTER n SET NOT NULL
""",
        "ALTER TABLE child DROP n",
        "constraint-validated-at-once",
        "",
    ),
    "a check on a new serial column": (
        """
ALTER TABLE child ADD n bigserial
ALTER TABLE child ADD CONSTRAINT ck_n CHECK (n > 0)
""",
        "ALTER TABLE child DROP n",
        "constraint-validated-at-once",
        "",
    ),
    "a check on a column of another name": (
        """
ALTER TABLE child RENAME a TO c
ALTER TABLE child ADD CONSTRAINT ck_c CHECK (c IS DISTINCT FROM 7.5)
""",
        """
ALTER TABLE child DROP CONSTRAINT ck_c
ALTER TABLE child RENAME c TO a
""",
        "constraint-validated-at-once",
        "",
    ),
    "another check": (
        """
ALTER TABLE child DROP CONSTRAINT ck_child
ALTER TABLE child ADD CONSTRAINT ck_child CHECK (note <> '' OR a > 0)
""",
        """
ALTER TABLE child DROP CONSTRAINT ck_child
ALTER TABLE child ADD CONSTRAINT ck_child CHECK (note <> '')
""",
        "constraint-validated-at-once",
        "# Take out DROP CONSTRAINT ck_child (statement 1).",
    ),
    "a check around another type": (
        """
ALTER TABLE child DROP CONSTRAINT ck_child
ALTER TABLE child ALTER note TYPE varchar(40)
ALTER TABLE child ADD CONSTRAINT ck_child CHECK (note <> '' OR a > 0)
""",
        """
ALTER TABLE child DROP CONSTRAINT ck_child
ALTER TABLE child ALTER note TYPE varchar(20)
ALTER TABLE child ADD CONSTRAINT ck_child CHECK (note <> '')
""",
        "constraint-validated-at-once",
        "",
    ),
    "another unique key": (
        """
ALTER TABLE child DROP CONSTRAINT uq_child
ALTER TABLE child ADD CONSTRAINT uq_child UNIQUE (id, b)
""",
        """
ALTER TABLE child DROP CONSTRAINT uq_child
ALTER TABLE child ADD CONSTRAINT uq_child UNIQUE (id, a)
""",
        "constraint-validated-at-once",
        "# Take out DROP CONSTRAINT uq_child (statement 1).",
    ),
    "another foreign key": (
        """
ALTER TABLE child DROP CONSTRAINT fk_child
ALTER TABLE child ADD CONSTRAINT fk_child FOREIGN KEY (a) REFERENCES parent ON DELETE CASCADE
""",
        """
ALTER TABLE child DROP CONSTRAINT fk_child
ALTER TABLE child ADD CONSTRAINT fk_child FOREIGN KEY (a) REFERENCES parent
""",
        "constraint-validated-at-once",
        "# Take out DROP CONSTRAINT fk_child (statement 1).",
    ),
    "another index": (
        """
DROP INDEX ix_child
CREATE INDEX ix_child ON child (note, a)
""",
        """
DROP INDEX ix_child
CREATE INDEX ix_child ON child (note)
""",
        "blocking-index-build",
        "# Take out DROP INDEX ix_child (statement 1).",
    ),
    "the same index on another type": (
        """
DROP INDEX ix_child
ALTER TABLE child ALTER note TYPE varchar(40)
CREATE INDEX ix_child ON child (note)
""",
        """
DROP INDEX ix_child
ALTER TABLE child ALTER note TYPE varchar(20)
CREATE INDEX ix_child ON child (note)
""",
        "blocking-index-build",
        "",
    ),
    "a column in the place of another": (
        """
ALTER TABLE child DROP b
ALTER TABLE child ADD bb int
""",
        """
ALTER TABLE child DROP bb
ALTER TABLE child ADD b int
""",
        "rename-by-drop-and-add",
        "# Take out ADD COLUMN bb (statement 2).",
    ),
    "a column that is made anew": (
        """
ALTER TABLE child DROP b
ALTER TABLE child ADD b bigint
""",
        """
ALTER TABLE child DROP b
ALTER TABLE child ADD b int
""",
        "values-lost",
        "# Take out ADD COLUMN b (statement 2).",
    ),
    "a key and its validation": (
        """
ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES parent NOT VALID
ALTER TABLE child VALIDATE CONSTRAINT fk
""",
        "ALTER TABLE child DROP CONSTRAINT fk",
        "not-valid-and-validate-together",
        "# Take out ADD CONSTRAINT fk (statement 1).",
    ),
}


@pytest.mark.some(3)
@pytest.mark.parametrize("name", REVISIONS)
def test_proposed_code_passes_behind_the_rest(name: str, server: Server, tmp_path: Path) -> None:
    """Behind the statements that stay it is safe, reaches the same end after every kill, and is undone exactly."""
    (tmp_path / "history").mkdir()
    history = History(tmp_path / "history")
    history.add("tables", None, _executed(TABLES))
    upgrade, downgrade, code, taken_out = REVISIONS[name]
    history.add("change", "tables", _executed(upgrade), _executed(downgrade))
    with ServerSandbox(server.url()) as sandbox, Agent(python=sys.executable) as agent:
        databases = RevisionDatabases(Project(history.plain_ini(), setup=None, rows=ROWS), sandbox, agent)
        findings = [finding for finding in find(databases, ["change"]) if finding.diagnostic.code == code]
        assert findings
        fixes = [str(finding.diagnostic.fix).splitlines() for finding in findings]
        assert [[line for line in fix if line.startswith("# Take out")] for fix in fixes] == [
            [taken_out] if taken_out else [] for _ in findings
        ]
        databases.history()
        assert Trial(databases, tmp_path).problems(findings) == {}


def _executed(statements: str) -> str:
    return "\n".join(map(execute, statements.strip().splitlines()))
