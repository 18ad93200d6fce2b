"""Rules and checks for a terminal: one line each, or a single one in full."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from adapter.outbound.migration.report.rules_markdown import code_of
from adapter.outbound.migration.report.terminal import buffered, print_code, unpadded
from domain.migration.analysis.rule import Page, Rule
from domain.migration.diagnostic import Severity

_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def render(pages: Sequence[Page], *, color: bool = False, width: int = 120) -> str:
    """Return a single page in full, or a line for each of several."""
    render_all = _in_full if len(pages) == 1 else _listed
    return render_all(pages, color=color, width=width)


def _listed(pages: Sequence[Page], *, color: bool, width: int) -> str:
    """Return a line for each page with its code, severity and title."""
    console, buffer = buffered(width, color=color)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)  # so that a code can be copied
    table.add_column(no_wrap=True)
    table.add_column()
    for page in pages:
        table.add_row(page.code, Text(page.severity.value, style=_COLORS[page.severity]), page.title)
    console.print(table)
    return unpadded(buffer.getvalue())


def _in_full(pages: Sequence[Page], *, color: bool, width: int) -> str:
    """Return the documentation of a page, a bad and a good revision, and how to accept the diagnostics of a rule."""
    (rule,) = pages
    console, buffer = buffered(width, color=color)
    console.print(Text.assemble((rule.code, "bold"), "  ", (rule.severity.value, _COLORS[rule.severity])))
    for paragraph in (rule.title, *rule.paragraphs):
        console.print()
        if paragraph.startswith("    "):
            print_code(console, "\n".join(line.removeprefix("    ") for line in paragraph.splitlines()), 4)
        else:
            console.print(Text(" ".join(paragraph.split())))
    for title, example in rule.examples:
        console.print(f"\n{title}\n")
        print_code(console, code_of(example), 4)
    if isinstance(rule, Rule):
        console.print("\nTo accept it, write in the revision\n")
        print_code(console, f'safety_assured = {{"{rule.code}": "why it is safe here"}}', 4)
    return unpadded(buffer.getvalue())
