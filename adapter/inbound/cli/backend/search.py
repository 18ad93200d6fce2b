"""`backend search`: find passages by meaning."""

import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli.backend._session import Format, perform, print_json

if TYPE_CHECKING:
    from adapter.bootstrap.backend import Backend
    from domain.documents.ranking import FoundPassage

app = typer.Typer()
_SNIPPET_LENGTH = 220


@app.command("search")
def command(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="The words to search for.")],
    tag: Annotated[
        list[str] | None,
        typer.Option(help="Only documents with this label. Repeat the option to require several labels."),
    ] = None,
    limit: Annotated[int, typer.Option(help="The highest number of results, at most 100.")] = 5,
    form: Annotated[Format, typer.Option("--format", help="How to print the results.")] = Format.TEXT,
) -> None:
    """Find passages by meaning, the best first.

    Examples: `backend search "who discovered penicillin"` · `backend search "ciudades con río" --tag es --limit 3`
    """

    async def search(backend: "Backend") -> "list[FoundPassage]":
        from adapter.bootstrap.backend import embedder

        return await backend.search_passages(embedder())(query, tag or (), limit)

    passages = perform(context, search)
    width = shutil.get_terminal_size((103, 24)).columns
    if form is Format.JSON:
        print_json([_as_json(passage) for passage in passages])
        return
    for number, passage in enumerate(passages, 1):
        typer.echo(f"{number}. {passage.title}  [{passage.score:.2f}]  {', '.join(passage.tags)}")
        typer.echo(f"   {passage.source}")
        snippet = textwrap.shorten(passage.content, _SNIPPET_LENGTH, placeholder=" …")
        typer.echo(textwrap.fill(snippet, width, initial_indent="   ", subsequent_indent="   "))
    if not passages:
        typer.echo("Nothing found.")


def _as_json(passage: "FoundPassage") -> dict[str, object]:
    return {
        "document_id": passage.document_id,
        "title": passage.title,
        "source": passage.source,
        "tags": passage.tags,
        "position": passage.position,
        "content": passage.content,
        "similarity": round(passage.similarity, 4),
        "score": round(passage.score, 4),
    }
