"""`backend product`: add, list, delete and restore products."""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from adapter.inbound.cli.backend._session import Format, perform, print_json

app = typer.Typer(name="product", help="Products: add, list, delete, restore.", no_args_is_help=True)


def _price(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no price; write it as 12.50") from None


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name shown to customers.")],
    price: Annotated[Decimal, typer.Option(parser=_price, metavar="PRICE", help="Price of one piece, as 12.50.")],
    stock: Annotated[int, typer.Option(help="Pieces that can be ordered.")] = 0,
    description: Annotated[str | None, typer.Option(help="Text shown to customers.", show_default=False)] = None,
) -> None:
    """Add a product.

    Example: `backend product add "Espresso cup" --price 12.50 --stock 40`
    """
    product = perform(context, lambda backend: backend.add_product(name, price, stock, description))
    typer.echo(f"{product.name} is added, id {product.id}.")


@app.command("list")
def list_all(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="How to print the list.")] = Format.TEXT,
) -> None:
    """List the products that can be ordered.

    Examples: `backend product list` · `backend product list --format json`
    """
    products = perform(context, lambda backend: backend.list_products())
    if form is Format.JSON:
        print_json(
            [
                {
                    "id": product.id,
                    "name": product.name,
                    "price": product.price,
                    "stock": product.stock,
                    "description": product.description,
                }
                for product in products
            ]
        )
        return
    for product in products:
        typer.echo(f"{product.id}  {product.price:>10}  {product.stock:>8}  {product.name}")
    if not products:
        typer.echo("There are no products.")


@app.command()
def delete(context: typer.Context, product: Annotated[str, typer.Argument(help="Id or exact name.")]) -> None:
    """Delete a product softly: orders keep it, nobody orders it until it is restored.

    Example: `backend product delete "Espresso cup"`
    """
    deleted = perform(context, lambda backend: backend.delete_product(product))
    typer.echo(f"{deleted.name} is deleted, id {deleted.id}.")


@app.command()
def restore(
    context: typer.Context, product_id: Annotated[uuid.UUID, typer.Argument(help="Id of the product.")]
) -> None:
    """Restore a deleted product.

    Example: `backend product restore 3f0c…`
    """
    restored = perform(context, lambda backend: backend.restore_product(product_id))
    typer.echo(f"{restored.name} is restored.")
