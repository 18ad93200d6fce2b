"""Puts the commands together. Each imports what it needs when it runs, so that `--help` is quick."""

import getpass
from typing import Annotated

import typer

from adapter.inbound.cli.backend import demo, document, ingest, order, product, search, user
from adapter.inbound.cli.group import RedactingGroup
from adapter.inbound.cli.options import Version


def build() -> typer.Typer:
    """Return the command line."""
    app = typer.Typer(
        name="backend",
        cls=RedactingGroup,
        help="Users, products, orders and documents, on Postgres with pgvector.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        callback=_options,
    )
    app.command("ingest")(ingest.command)
    app.command("search")(search.command)
    app.command("demo")(demo.command)
    app.add_typer(order.build(), name="order")
    app.add_typer(user.build(), name="user")
    app.add_typer(product.build(), name="product")
    app.add_typer(document.build(), name="document")
    return app


def _options(
    context: typer.Context,
    actor: Annotated[
        str | None,
        typer.Option(
            envvar="BACKEND_ACTOR",
            help="Who acts, for the audit trail; by default the user of the operating system.",
            show_default=False,
        ),
    ] = None,
    version: Version = False,  # noqa: ARG001 - its callback ends the command
) -> None:
    context.obj = actor or getpass.getuser()
