"""An upgrade whose conditions are false in the sandbox is neither judged nor proved, and that is said."""

from typing import NamedTuple

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.analysis.rules import did_nothing
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed, verified

pytestmark = pytest.mark.one_major

ADD = "op.execute('ALTER TABLE users ADD note text')"


class Upgrade(NamedTuple):
    """The body of an upgrade, and the condition or function that is named where it did nothing; None for work."""

    body: str
    cause: str | None


UPGRADES = {
    "variable": Upgrade(f"if os.environ.get('NOTES'):\n    {ADD}", "`os.environ.get('NOTES')`"),
    "returns": Upgrade(
        f"op.execute(\"SET lock_timeout = '2s'\")\nif not os.environ.get('NOTES'):\n    return\n{ADD}",
        "`not os.environ.get('NOTES')`",
    ),
    "other_branch": Upgrade(
        f"if 'NOTES' not in os.environ:\n    print('no notes')\nelse:\n    {ADD}", "`'NOTES' not in os.environ`"
    ),
    "argument": Upgrade(
        f"from alembic import context\nif context.get_x_argument():\n    {ADD}", "`context.get_x_argument()`"
    ),
    "catalog": Upgrade(
        f"columns = [each['name'] for each in sa.inspect(op.get_bind()).get_columns('users')]\n"
        f"if 'name' not in columns:\n    {ADD}",
        "`'name' not in columns`",
    ),
    "rows": Upgrade(
        f"if op.get_bind().scalar(sa.text(\"SELECT count(*) FROM users WHERE name = 'nobody'\")):\n    {ADD}",
        "`op.get_bind().scalar(",
    ),
    "own_function": Upgrade(
        f"def add():\n    {ADD}\nif os.environ.get('NOTES'):\n    add()", "`os.environ.get('NOTES')`"
    ),
    "helper": Upgrade("from migration_helpers import add_notes\nadd_notes(op)", "the function that line 13 calls"),
    "merge": Upgrade("pass", None),
    "documented": Upgrade("'''Merge two branches.'''\n...", None),
    "printed": Upgrade("if os.environ.get('NOTES') is None:\n    print('nothing to do')", None),
    "refuses": Upgrade("if op.get_bind().scalar(sa.text('SELECT 1 WHERE false')):\n    raise RuntimeError('no')", None),
    "sqlite": Upgrade(f"bind = op.get_bind()\nif bind.dialect.name == 'sqlite':\n    {ADD}", None),
    "not_postgres": Upgrade(f"if op.get_context().dialect.name == 'postgresql':\n    return\n{ADD}", None),
    "empty_batch": Upgrade("with op.batch_alter_table('users'):\n    pass", None),
    "counts": Upgrade("for name in ('numbers',):\n    op.execute(f\"SELECT setval('{name}', 9)\")", None),
    "there_already": Upgrade("op.execute('CREATE TABLE IF NOT EXISTS users (id int)')", None),
    "block": Upgrade("op.execute('DO $$ BEGIN NULL; END $$')", None),
    "works": Upgrade(ADD, None),
}


@pytest.mark.long
def test_an_upgrade_that_did_nothing(server: Server, history: History) -> None:
    """It is a warning with the condition; what has no work, or none on any Postgres, is none."""
    project = history.plain_ini()
    helper = project.parent / "migration_helpers.py"
    helper.write_text("import os\n\n\ndef add_notes(op):\n    pass\n", encoding="utf-8")
    env = project.parent / "env.py"
    path = f"import sys\n\nsys.path.insert(0, {str(project.parent)!r})\n"
    env.write_text(f"{path}{env.read_text(encoding='utf-8')}", encoding="utf-8")
    history.add("first", None, "op.execute('CREATE TABLE users (id int, name text); CREATE SEQUENCE numbers')")
    for name, upgrade in UPGRADES.items():
        history.add(name, "first", f"import os\n{upgrade.body}")
    report = analyzed(server, project, "first:heads", rows=50)
    said = {
        item.trace.revision: diagnostic.message
        for item in report.revisions
        for diagnostic in item.diagnostics
        if diagnostic.code == did_nothing.CODE
    }

    assert said.keys() == {name for name, upgrade in UPGRADES.items() if upgrade.cause}
    assert [name for name, message in said.items() if str(UPGRADES[name].cause) not in message] == []


@pytest.mark.long
def test_nothing_is_proved_where_nothing_was_done(server: Server, history: History) -> None:
    """The round trip of an upgrade that did nothing is no proof; that of a merge is one."""
    body = f"import os\n{UPGRADES['variable'].body}"
    history.add("first", None, "op.execute('CREATE TABLE users (id int, name text)')")
    history.add("second", "first", body)
    history.add("third", "second", "pass")
    asked = VerificationRequest("first:third", "round-trip", certificates=history.folder.parent / "c.json")
    nothing, merge = verified(server, history.plain_ini(), asked, rows=50).proofs

    assert (nothing.not_seen, nothing.certificate) == (True, None)
    assert not merge.not_seen
    assert merge.certificate is not None
