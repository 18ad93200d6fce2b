"""Each step of a zero-downtime form passes the product as a revision of its own: safe, resumable after kills, exact."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from domain.migration.analysis.rule import ORDERS, USERS
from domain.migration.diagnostic import Severity
from domain.migration.forms.added_enum_value import AddedEnumValue
from domain.migration.forms.attached_partition import AttachedPartition
from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.column import Column
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.forms.dropped_column import DroppedColumn
from domain.migration.forms.filled_column import FilledColumn
from domain.migration.forms.foreign_key import ForeignKey
from domain.migration.forms.form import Form, Step
from domain.migration.forms.identity_column import IdentityColumn
from domain.migration.forms.key_from_index import KeyFromIndex
from domain.migration.forms.not_null import NotNull
from domain.migration.forms.planned_index import PlannedIndex
from domain.migration.forms.primary_key import PrimaryKey
from domain.migration.forms.renamed_table import RenamedTable
from domain.migration.forms.second_column import SecondColumn
from domain.migration.forms.validated_constraint import ValidatedConstraint
from domain.migration.op_code import downgrade
from tests.conftest import Server
from tests.history import History

pytestmark = [pytest.mark.one_major, pytest.mark.long]

ROWS = 1200
LOGS = "CREATE TABLE logs (n bigint, note text)"
EVENTS = """
CREATE TABLE events (id bigint NOT NULL, note text) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10000)
"""


@dataclass(frozen=True)
class Case:
    """A form, and the schema that it is about.

    Attributes:
        form: The form.
        setup: SQL before it; `;` separates statements.
        reversibility: What the certificate of each step says, in the order of the steps.
    """

    form: Form
    setup: str = USERS
    reversibility: tuple[str, ...] = ("exact",)


def users(name: str, kind: str, **more: str | bool) -> Column:
    """A column of the users."""
    return Column("public.users", name, kind, **more)  # type: ignore[arg-type]


THREE = ("exact", "lossy", "exact")
CASES = {
    "index": Case(
        ConcurrentIndex("public.ix_users_email", "public.users", "CREATE INDEX ix_users_email ON public.users (email)")
    ),
    "check": Case(ValidatedConstraint("public.users", "ck", "CHECK (email <> '')"), reversibility=("exact", "exact")),
    "not null with a value": Case(NotNull("public.users", "email", "'none'", "id"), reversibility=("lossy", "exact")),
    "column with a random default": Case(
        FilledColumn(users("token", "uuid", default="gen_random_uuid()", not_null=True), key="id"), reversibility=THREE
    ),
    "column of a table without a key": Case(
        FilledColumn(Column("public.logs", "plan", "text", default="'free'", not_null=True)),
        LOGS,
        reversibility=THREE,
    ),
    "renamed column": Case(
        SecondColumn(
            users("name", "text", default="'nobody'", not_null=True),
            users("full_name", "text", default="'nobody'", not_null=True),
            "id",
        ),
        f"{USERS}; ALTER TABLE users ALTER name SET NOT NULL, ALTER name SET DEFAULT 'nobody'",
        reversibility=THREE,
    ),
    "renamed column of a table without a key": Case(
        SecondColumn(Column("public.logs", "note", "text"), Column("public.logs", '"Text"', "text")),
        LOGS,
        reversibility=THREE,
    ),
    "changed type": Case(
        ChangedType(
            Column("public.orders", "total", "integer"),
            Column("public.orders", "total", "bigint", default="0"),
            "id",
        ),
        ORDERS,
        reversibility=THREE,
    ),
    "dropped column": Case(
        DroppedColumn(users("name", "text", not_null=True)),
        f"{USERS}; ALTER TABLE users ALTER name SET NOT NULL",
        reversibility=("exact", "lossy"),
    ),
    "renamed table": Case(RenamedTable("public.users", "public.accounts"), reversibility=("exact", "exact")),
    "foreign key": Case(
        ForeignKey(
            ValidatedConstraint("public.orders", "fk", "FOREIGN KEY (user_id) REFERENCES public.users(id)"),
            PlannedIndex("public.orders", ("user_id",)),
        ),
        f"{ORDERS}; DROP INDEX ix_orders_user_id",
        reversibility=("exact", "exact"),
    ),
    "unique key": Case(
        KeyFromIndex("public.users", "uq", "UNIQUE", "CREATE UNIQUE INDEX uq ON public.users (id, email)")
    ),
    "primary key": Case(
        PrimaryKey(
            KeyFromIndex("public.logs", "pk", "PRIMARY KEY", "CREATE UNIQUE INDEX pk ON public.logs (n)"),
            (NotNull("public.logs", "n"),),
        ),
        LOGS,
    ),
    "enum value": Case(
        AddedEnumValue("public.plan", "it's", "BEFORE 'paid'"),
        f"{USERS}; CREATE TYPE plan AS ENUM ('free', 'paid'); ALTER TABLE users ADD COLUMN plan plan",
        reversibility=("irreversible",),
    ),
    "partition": Case(
        AttachedPartition("public.events_2", "public.events", "FOR VALUES FROM (10000) TO (20000)"), EVENTS
    ),
    "identity": Case(IdentityColumn(users("id", "bigint", not_null=True)), reversibility=("exact", "exact")),
}


@pytest.mark.some(4)
@pytest.mark.parametrize("name", CASES)
def test_each_step_passes(name: str, server: Server, tmp_path: Path) -> None:
    """Expand, migrate and contract are safe, reach the same end after every kill, and are undone as declared."""
    case, folder = CASES[name], tmp_path / "history"
    folder.mkdir()
    history = History(folder)
    statements = [part.strip() for part in case.setup.split(";") if part.strip()]
    history.add("r0", None, "\n".join(f"op.execute(sa.text({part!r}))" for part in statements))
    phases = [phase for phase in ("expand", "migrate", "contract") if getattr(case.form, phase)]
    for number, phase in enumerate(phases, start=1):
        add(history, f"r{number}", f"r{number - 1}", getattr(case.form, phase), phase)
    request = ProjectRequest(config=history.plain_ini(), sandbox_url=server.url(), any_role=True, rows=ROWS)
    asked = VerificationRequest("r0:", "round-trip,repeat,compat", folder / "certificates.json")
    proofs = verify_revisions(request, asked, lambda *_: None).proofs

    for phase, proof, reversibility in zip(phases, proofs, case.reversibility, strict=True):
        sentences = [str(diagnostic) for diagnostic in (*proof.analysis.diagnostics, *proof.diagnostics)]
        assert proof.analysis.verdict == "safe", (phase, sentences)
        assert not [one for one in proof.diagnostics if one.severity is Severity.ERROR], (phase, sentences)
        assert proof.repetition is not None
        assert proof.repetition.survived == proof.repetition.kills > 0, (phase, sentences)
        assert proof.certificate is not None, (phase, sentences)
        assert proof.certificate.reversibility.value == reversibility, (phase, sentences)


def add(history: History, revision: str, down_revision: str, step: Step, phase: str) -> None:
    """Write a step as a revision."""
    body = downgrade(*(step.downgrade or ("pass",))).partition("\n")[2]
    undo = "\n".join(line.removeprefix("    ") for line in body.splitlines())
    history.add(revision, down_revision, step.code, undo)
    path = history.folder / f"{revision}.py"
    text = path.read_text(encoding="utf-8").replace(f'"""{revision}"""', f'"""{revision}\n\nPhase: {phase}\n"""')
    path.write_text("\n".join([text, *step.declarations, ""]), encoding="utf-8")
