"""The application's use cases on a database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from adapter.outbound.postgres.url import DatabaseURL
    from application.documents.delete_document import DeleteDocument
    from application.documents.ingest_documents import IngestDocuments
    from application.documents.ports import Embedder
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


@dataclass(frozen=True)
class Backend:
    """The use cases of the application on a session of the database.

    Attributes:
        warning: A warning to show to the user; None for none.
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
    # These two take an embedder, because loading its model takes a second and not every command needs it.
    ingest_documents: "Callable[[Embedder], IngestDocuments]"
    search_passages: "Callable[[Embedder], SearchPassages]"


@asynccontextmanager
async def open_backend(actor: str, database: "DatabaseURL | None" = None) -> "AsyncIterator[Backend]":
    """Connect to the database, check that its revision matches the code, and yield the use cases.

    Args:
        actor: The name that the audit trail records.
        database: The URL of the database; None for that of the settings.

    Raises:
        DatabaseError: The database cannot be reached, refuses a statement, or is behind the code.
    """
    from sqlalchemy.ext.asyncio import AsyncSession

    from adapter.outbound.database import settings
    from adapter.outbound.database.readiness import check_readiness
    from adapter.outbound.postgres.engine import application_engine
    from adapter.outbound.postgres.explain import explaining

    url = database or settings.database_url()
    engine = application_engine(url)
    try:
        with explaining(url):
            async with AsyncSession(engine, expire_on_commit=False) as session:
                warning = await check_readiness(session)
                yield _backend(session, actor, warning)
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
    """Return the embedder that the setting `EMBEDDER` names: wordllama (the default), minilm or hashing.

    Raises:
        DatabaseConfigurationError: The name is unknown, or the model's packages are not installed.
    """
    from adapter.outbound.database.settings import setting
    from adapter.outbound.embedding.choice import embedder_named

    return embedder_named(setting("EMBEDDER"))
