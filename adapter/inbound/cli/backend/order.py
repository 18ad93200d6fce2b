"""`backend order`: place and show orders."""

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from adapter.inbound.cli.backend._session import Format, perform, print_json

if TYPE_CHECKING:
    from domain.orders.order import Order


app = typer.Typer(name="order", help="Orders: place, show.", no_args_is_help=True)


def _item(text: str) -> tuple[str, int]:
    # The quantity follows the last colon, because names may contain colons.
    product, _, quantity = text.rpartition(":")
    try:
        return product.strip() or _refuse(text), int(quantity)
    except ValueError:
        return _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise typer.BadParameter(f"{text!r} is no item; write PRODUCT:QUANTITY, as in 'Espresso cup:2'")


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the order.")]


@app.command()
def place(
    context: typer.Context,
    user: Annotated[str, typer.Option(help="Email address of the user who orders.")],
    item: Annotated[
        list[str],
        typer.Option(
            metavar="PRODUCT:QUANTITY", help="A product (id or exact name) and the number of pieces. May be repeated."
        ),
    ],
    form: FormatOption = Format.TEXT,
) -> None:
    """Place an order: all of its items, or none when one is out of stock.

    Example: `backend order place --user ana@example.org --item "Espresso cup:2" --item "Saucer:2"`
    """
    from application.orders.place_order import WantedItem

    items = [WantedItem(*_item(text)) for text in item]
    _print(perform(context, lambda backend: backend.place_order(user, items)), form)


@app.command()
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="Number of the order.")],
    form: FormatOption = Format.TEXT,
) -> None:
    """Show an order.

    Example: `backend order show 20260131-7KQ2M-9XVTA`
    """
    _print(perform(context, lambda backend: backend.show_order(number)), form)


def _print(order: "Order", form: Format) -> None:
    if form is Format.JSON:
        print_json(
            {
                "number": order.number,
                "status": order.status.value,
                "placed_at": order.placed_at.isoformat(),
                "total": order.total,
                "lines": [
                    {
                        "product_id": line.product_id,
                        "product": line.product_name,
                        "quantity": line.quantity,
                        "unit_price": line.unit_price,
                    }
                    for line in order.lines
                ],
            }
        )
        return
    typer.echo(f"Order {order.number}, {order.status.value.lower()}, placed {order.placed_at:%Y-%m-%d %H:%M} UTC")
    for line in order.lines:
        typer.echo(f"{line.quantity:>6} x {line.unit_price:>10} = {line.amount:>12}  {line.product_name}")
    typer.echo(f"{'total':>19} = {order.total:>12}")
