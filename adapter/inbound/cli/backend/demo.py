"""`backend demo`: fill the database with real texts and a year of a shop."""

from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli.backend._session import perform, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from adapter.bootstrap.backend import Backend
    from adapter.inbound.cli.backend._demo_data import Shop
    from application.documents.ingest_documents import Ingested
    from domain.documents.document import Document

app = typer.Typer()
_EXAMPLES = (
    'backend search "who discovered penicillin" --tag en',
    'backend search "ciudades con un río importante" --tag es',
    "backend product list",
)


@app.command("demo")
def command(
    context: typer.Context,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Load at most this many texts and orders, for a quick try.")
    ] = None,
) -> None:
    """Load Wikipedia leads in English and Spanish, and a year of a shop's customers and orders.

    What is there already is left alone, so the command may be cut off and started again.

    Examples: `backend demo` · `backend demo --limit 500`
    """
    from adapter.inbound.cli.backend._demo_data import Shop, wikipedia_leads

    documents = wikipedia_leads(limit)
    shop = Shop(limit)

    async def load(backend: "Backend") -> "tuple[Ingested, tuple[int, int, int, int]]":
        with progress_bar() as progress:
            return await _load_texts(backend, documents, progress), await _load_shop(backend, shop, progress)

    texts, (products, users, orders, order_count) = perform(context, load)
    typer.echo(f"Documents: {texts.stored} new ({texts.passages} passages), {texts.known} were there already.")
    typer.echo(
        f"Shop: {products} products, {users} users and {orders} orders new, {order_count - orders} orders were there."
    )
    if not (texts.stored or products or users or orders):
        typer.echo("Nothing changed: the demo was loaded before.")
    typer.echo("Try:")
    for example in _EXAMPLES:
        typer.echo(f"  {example}")


async def _load_texts(backend: "Backend", documents: "list[Document]", progress: "Progress") -> "Ingested":
    from adapter.bootstrap.backend import embedder

    task = progress.add_task("Documents", total=len(documents))
    use_case = backend.ingest_documents(embedder())
    return await use_case(documents, lambda count: progress.advance(task, count))


async def _load_shop(backend: "Backend", shop: "Shop", progress: "Progress") -> tuple[int, int, int, int]:
    """Load the shop and return the numbers of new products, users and orders, and of all orders."""
    task = progress.add_task("Orders", total=shop.expected_orders)
    products = await backend.import_history.catalog(shop.products)
    users = orders = order_count = 0
    for customers, batch in shop.history():
        new_users, new_orders = await backend.import_history(customers, batch)
        users, orders, order_count = users + new_users, orders + new_orders, order_count + len(batch)
        progress.advance(task, len(batch))
    progress.update(task, total=order_count)
    return products, users, orders, order_count
