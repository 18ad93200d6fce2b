"""`backend ingest`: store files of text and Markdown as documents."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli.backend._session import perform, progress_bar

if TYPE_CHECKING:
    from adapter.bootstrap.backend import Backend
    from application.documents.ingest_documents import Ingested
    from domain.documents.document import Document

app = typer.Typer()
_SUFFIXES = frozenset({".md", ".markdown", ".txt", ".rst"})


@app.command("ingest")
def command(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, or folders with text and Markdown files.", exists=True, readable=True),
    ],
    tag: Annotated[list[str] | None, typer.Option(help="A label for all of these documents. May be repeated.")] = None,
) -> None:
    """Take in texts: split, embed and store them. What is stored already stays as it is.

    Examples: `backend ingest README.md` · `backend ingest docs notes --tag manual`
    """
    from domain.documents.errors import NothingToIngestError

    files = list(dict.fromkeys(_files(paths)))
    skipped: list[str] = []

    def documents(done: Callable[[int], object]) -> "Iterator[Document]":
        for path in files:
            document = _read(path, tag or ())
            if isinstance(document, str):
                skipped.append(f"{path}: {document}")
                done(1)
            else:
                yield document

    async def ingest(backend: "Backend") -> "Ingested":
        from adapter.bootstrap.backend import embedder

        use_case = backend.ingest_documents(embedder())
        with progress_bar() as progress:
            task = progress.add_task("Documents", total=len(files))

            def done(count: int) -> None:
                progress.advance(task, count)

            return await use_case(documents(done), done)

    result = perform(context, ingest)
    for line in skipped:
        typer.echo(f"skipped {line}", err=True)
    if len(skipped) == len(files):
        raise NothingToIngestError(", ".join(map(str, paths)))
    typer.echo(f"{result.stored} documents stored ({result.passages} passages), {result.known} were there already.")


def _read(path: Path, tags: Sequence[str]) -> "Document | str":
    """Return the document in a file, or the reason why it has none."""
    from domain.documents.document import Document
    from domain.documents.errors import EmptyDocumentError
    from domain.documents.text import title_of

    try:
        text = path.read_text(encoding="utf-8-sig")
        return Document.take_in(title_of(text, path.name), path.as_posix(), text, tags)
    except EmptyDocumentError:
        return "no text"
    except UnicodeDecodeError:
        return "not UTF-8"
    except OSError as error:
        return error.strerror or type(error).__name__


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the named files, and the text files in named folders without hidden ones."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.suffix.lower() in _SUFFIXES and not is_hidden and file.is_file():
                yield file
