"""`migrate stats`: show size and traffic of the database's tables."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options

if TYPE_CHECKING:
    from domain.migration.statistics import Statistics, Target

app = typer.Typer()


class Format(StrEnum):
    """The output formats."""

    TEXT = "text"
    JSON = "json"


@app.command(epilog="Example: migrate stats --format json > stats.json && migrate analyze --stats stats.json")
def stats(
    target_url: options.URL = None,
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TEXT,
) -> None:
    """Show rows, sizes and traffic of the tables, biggest first, or write them as JSON for `migrate analyze --stats`.

    The database is only read. A role that may connect is enough.
    """
    from adapter.bootstrap.target import read_target_statistics

    statistics = read_target_statistics(target_url)
    if form is Format.JSON:
        typer.echo(statistics.to_json())
    else:
        print_statistics(statistics)


def print_statistics(statistics: "Statistics") -> None:
    """Print statistics as a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if statistics.target is not None:
        _print_target(statistics.target)
    for subject, reason in statistics.unread.items():
        typer.echo(f"not read: {subject} ({reason})")
    if not statistics:
        typer.echo("no tables")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("table", overflow="fold")
    for column in ("rows", "size", "indexes", "scans/s", "writes/s"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in sorted(statistics.items(), key=lambda item: (-item[1].bytes - item[1].index_bytes, item[0])):
        rates = (figures.scans_per_second, figures.writes_per_second)
        table.add_row(
            Text(name),
            f"{figures.rows:,}",
            _size(figures.bytes),
            _size(figures.index_bytes),
            *(_rate(rate) for rate in rates),
        )
    Console(highlight=False).print(table)


def _print_target(target: "Target") -> None:
    vector = target.extensions.get("vector")
    version = f", pgvector {vector.installed}" if vector is not None and vector.installed else ""
    typer.echo(f"{target.database} (Postgres {target.postgres}{version}), {target.taken_at:%Y-%m-%d %H:%M %Z}")
    setting_names = ("TimeZone", "search_path", "default_text_search_config", "standard_conforming_strings")
    if target.settings:
        typer.echo(", ".join(f"{name} = {target.settings[name]}" for name in setting_names if name in target.settings))
    if target.observed_seconds is not None:
        typer.echo(f"scans and writes are averages of {_span(target.observed_seconds)}")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:  # noqa: PLR2004 - as pg_size_pretty counts
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= 1024
    return f"{count:,.1f} TB"


def _rate(rate: float | None) -> str:
    if rate is None:
        return "-"
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"  # noqa: PLR2004 - two digits are enough


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
