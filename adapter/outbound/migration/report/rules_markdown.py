"""Rules and checks as a Markdown page: the meaning of each, a bad and a good revision, and how to accept it."""

from collections.abc import Iterable, Iterator

from domain.migration.analysis.rule import Example, Page, Rule

_HEAD = """\
# The rules

This page lists what `migrate analyze` and `migrate verify` report, why it matters, and what to write instead.
`migrate rules CODE` shows one rule in the terminal. A test runs the examples on a real server: the rule reports each
bad revision and accepts each good one (`tests/integration/test_rule_examples.py`). The page is written by
`migrate rules --output docs/rules.md`.

An **error** makes a revision unsafe. A **warning** or a **note** does not. To accept a diagnostic, name its code in the
revision, with a reason:

```python
safety_assured = {"blocking-index-build": "the table has 200 rows"}
```

| rule | severity | in short |
|---|---|---|
"""


_CHECKS = """\
# The checks of `migrate verify`

A check compares what happened in the sandbox with what the revision declares. A revision with an **error** gets no
certificate. `tests/integration/test_check_examples.py` runs the examples.

| check | severity | in short |
|---|---|---|
"""


def render(pages: Iterable[Page]) -> str:
    """Return the page: rules first, then checks."""
    all_pages = list(pages)
    rules: list[Page] = [page for page in all_pages if isinstance(page, Rule)]
    checks = [page for page in all_pages if not isinstance(page, Rule)]
    parts = [_part(head, members) for head, members in ((_HEAD, rules), (_CHECKS, checks)) if members]
    return "\n".join(parts)


def _part(head: str, pages: list[Page]) -> str:
    table = [f"| [`{page.code}`](#{page.code}) | {page.severity.value} | {page.title} |" for page in pages]
    return head + "\n".join([*table, "", *(line for page in pages for line in _section(page))]).rstrip() + "\n"


def _section(rule: Page) -> Iterator[str]:
    yield f"## {rule.code}"
    yield ""
    yield f"{rule.severity.value.capitalize()}. {rule.title}"
    yield ""
    for paragraph in rule.paragraphs:
        is_code = paragraph.startswith("    ")
        yield f"```python\n{_dedented(paragraph)}\n```" if is_code else paragraph
        yield ""
    for title, example in rule.examples:
        yield title
        yield ""
        yield f"```python\n{code_of(example)}\n```"
        yield ""


def code_of(example: Example) -> str:
    """Return an example as the two functions of a revision, preceded by its declarations."""
    head = [f'"""Phase: {example.phase}"""'] if example.phase else []
    head += [example.declarations.strip()] if example.declarations else []
    functions = f"def upgrade():\n{_body(example.upgrade)}\n\ndef downgrade():\n{_body(example.downgrade)}"
    return "\n\n".join([*head, functions])


def _body(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.strip().splitlines()) or "    pass"


def _dedented(paragraph: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in paragraph.splitlines())
