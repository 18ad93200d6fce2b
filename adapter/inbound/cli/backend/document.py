"""`backend document`: delete and restore documents."""

import uuid
from typing import Annotated

import typer

from adapter.inbound.cli.backend._session import perform

DocumentId = Annotated[
    uuid.UUID, typer.Argument(help="Id of the document, as `backend search --format json` shows it.")
]


app = typer.Typer(name="document", help="Documents: delete, restore.", no_args_is_help=True)


@app.command()
def delete(context: typer.Context, document_id: DocumentId) -> None:
    """Delete a document softly: searches no longer find it.

    Example: `backend document delete 3f0c…`
    """
    document = perform(context, lambda backend: backend.delete_document(document_id))
    typer.echo(f"{document.title} is deleted.")


@app.command()
def restore(context: typer.Context, document_id: DocumentId) -> None:
    """Restore a deleted document.

    Example: `backend document restore 3f0c…`
    """
    document = perform(context, lambda backend: backend.restore_document(document_id))
    typer.echo(f"{document.title} is restored.")
